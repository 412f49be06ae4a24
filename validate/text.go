package validate

import "strconv"

// The texts of issues. They are all that an issue says, so that none can hold
// what a resource holds.
const (
	notAnObject          = "must be a JSON object"
	notAnArray           = "must be a JSON array, because the element may repeat"
	anArray              = "must not be a JSON array, because the element does not repeat"
	emptyObject          = "an object must not be empty"
	emptyArray           = "an array must not be empty"
	loneNull             = "null may stand only in an array of primitives, where the other array has content"
	twoVariants          = "a choice of types may be made only once"
	unknownElement       = "unknown element"
	missingElement       = "a required element is missing"
	noResourceType       = "resourceType is missing or not a string"
	unknownResourceType  = "resourceType names no resource type of FHIR R4"
	otherResourceType    = "resourceType is not the type expected here"
	containedWithoutID   = "a contained resource must have an id"
	containedInContained = "a contained resource must not contain resources"
	containedVersion     = "a contained resource must have no version and no time of its own (dom-4)"
	containedLabel       = "a contained resource must have no security label of its own; label what contains it (dom-5)"
	onlyID               = "an element must have a value or children, not only an id (ele-1)"
	extensionValue       = "an extension must have either a value or extensions, not both (ext-1)"
	companionOfComplex   = "only primitive elements have a companion that begins with an underscore"
	companionOfAttribute = "this element can have no extensions"
	companionLength      = "the arrays of values and of their extensions must be of the same length"
	companionOfNulls     = "an array of nulls has no meaning"
	noValueNoExtension   = "a primitive without a value must have extensions (ele-1)"

	notABoolean     = "must be a JSON boolean"
	notANumber      = "must be a JSON number"
	notAString      = "must be a JSON string"
	emptyString     = "a string must not be empty"
	longString      = "a string must not be longer than 1048576 characters"
	badString       = "a string must hold no control characters other than tab, carriage return and line feed"
	badCode         = "a code must hold no white space other than single spaces between words"
	badURI          = "a URI must hold no white space"
	badID           = "an id is 1 to 64 letters, digits, hyphens and dots"
	badOID          = "not an OID as a URI (urn:oid:…)"
	badUUID         = "not a UUID as a URI (urn:uuid:…, lower case)"
	badBase64       = "not base64"
	badDate         = "not a date (YYYY, YYYY-MM or YYYY-MM-DD)"
	badDateTime     = "not a dateTime (a date, or a date and a time with seconds and time zone)"
	badInstant      = "not an instant (a date and a time with seconds and time zone)"
	badTime         = "not a time (hh:mm:ss)"
	noSuchDay       = "the calendar has no such day"
	badInteger      = "must be a whole number, without fraction or exponent"
	integerRange    = "must be a 32 bit integer"
	badPositiveInt  = "must be a whole number above 0"
	badUnsignedInt  = "must be a whole number, not below 0"
	decimalExponent = "the exponent is too large"
	unknownCode     = "the code is not in the required value set"
	badDiv          = "a narrative must be a string that begins with <div"

	badReference         = "neither a relative reference (Type/id), an absolute URL, a URN nor a fragment"
	referenceTarget      = "the reference points to a type that is not allowed here"
	conditionalReference = "a conditional reference may stand only in a Bundle"
)

func itoa(i int) string { return strconv.Itoa(i) }

// safeName reports whether an unknown member's name may be repeated in an
// issue: it looks like a name, not like content.
func safeName(name []byte) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for i, ch := range name {
		if !isLetter(ch) && ch != '_' && (i == 0 || !isDigit(ch)) {
			return false
		}
	}
	return true
}
