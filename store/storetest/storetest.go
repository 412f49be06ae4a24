// Package storetest is the one suite that every store must pass: what it keeps,
// what it finds, and that what it finds is what a naive evaluation of the same
// rules and conditions over the same bodies finds.
//
// The oracles share with a store the functions of package search on one body,
// and nothing else. Its surprise: the gate of these tests permits every row that
// a store hands out, so that what net 1 lets through is seen and not corrected.
package storetest

import (
	"testing"

	"firebreak/store"
)

// Opener opens a store. Each call is a new, empty one for Run, and the same
// database again for RunShared.
type Opener func(testing.TB, store.Options) *store.Store

// Run holds a store to the contract.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"VersionsAreAppendedAndKept", versionsAreKept},
		{"CreateUnderTakenIDIsRefused", createTaken},
		{"UnjudgedChangeIsRefused", unjudged},
		{"ConcurrentWritersShareCommitsAndLoseNothing", concurrentWriters},
		{"ErrorUndoesItsChangeOnly", errorUndoesOne},
		{"PanicIsAnErrorOfItsChange", panicIsAnError},
		{"UnrecordedIntentUndoesItsChangeOnly", intentUndoesOne},
		{"TakenIDUndoesItsChangeOnly", takenInABatch},
		{"CancelledChangeIsNotRun", cancelledChange},
		{"CancelledReadsLeaveTheStoreUsable", cancelledReads},
		{"ClosedStoreSaysSo", closedStore},
		{"UndoneTermsDoNotLeak", undoneTerms},
		{"UndoneSubjectsReadInTheirChangeDoNotLeak", undoneSubjectsRead},
		{"SnapshotIsOneMoment", snapshotIsOneMoment},
		{"SnapshotSeesChangesWhole", snapshotSeesWhole},
		{"ReadsNeverGoBack", readsNeverGoBack},
		{"LaterClassIsSeenByThoseWhoMay", laterClass},
		{"ChangeSeesItsOwnWrites", seesOwnWrites},
		{"EverySearchTestAgreesWithItsDefinition", testsAgree},
		{"NearIsDecidedToTheLastBit", nearIsExact},
		{"LongTextsAreToldApartAndFoundByAnyPart", longTexts},
		{"SetsOfManyPatientsAreKept", longSets},
		{"BooleanConditionsAgree", treesAgree},
		{"SortAgreesWithNaiveSort", sortAgrees},
		{"OrderTellsNothingOfCreation", orderOfCreation},
		{"PagesCoverEverythingOnce", pagesCover},
		{"PagesCoverWhatStaysWhileRowsArrive", pagesWhileWriting},
		{"ChainsAndHasAgree", chainsAgree},
		{"IncludesAgree", includesAgree},
		{"RulesAgreeWithReference", rulesAgree},
		{"ReadsAgreeWithReference", readsAgree},
		{"ConditionsAgreeWithKnown", matchesAgree},
		{"HistoryAgrees", historyAgrees},
		{"FirstResultIsRemembered", firstResult},
		{"OutboxHoldsWhatIsNotJournalled", outbox},
		{"SettingIsMadeOnce", setting},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// RunShared holds stores to what they promise across restarts. place gives an
// Opener of one new database.
func RunShared(t *testing.T, place func(testing.TB) Opener) {
	t.Run("ReopenedStoreHasEverything", func(t *testing.T) { reopened(t, place(t)) })
}
