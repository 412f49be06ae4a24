// Package audit is the journal of everything that was asked, answered, changed
// or refused: one append-only record per event, in a hash chain, durable before
// its Receipt is given (ISO 27789; NIST SP 800-92; the source from which IHE
// BALP AuditEvents are projected). Its promise to the pipeline: no Receipt, no
// answer. Concurrent callers share one disk flush.
//
// A journal is a directory that holds segment files and nothing else; every
// byte of every file is covered by [Verify], the unused space included. What a
// record says is a [Record]; the journal itself keeps any payload, in the clear
// or encrypted, and chains the bytes as stored.
//
// It does not decide what is recorded, does not rotate old segments away, and
// cannot by itself prove that the last whole records were not cut off, nor that
// someone able to write the directory did not recompute the chain from some
// record on: both need checkpoints that someone else has seen.
//
// Its one surprise: after any error of the disk the Log is broken for good and
// every later Append fails at once. A kernel may drop unwritten pages after a
// failed flush and report the next one as successful, so trying again on the
// same file would acknowledge what was lost. Open it anew.
package audit
