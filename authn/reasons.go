package authn

// Why a token is refused: all that a client is ever told. RFC 6750 §3 allows
// printable ASCII without '"' and '\'.
const (
	absent      literal = "no access token was sent"
	otherScheme literal = "the only schemes supported are Bearer and DPoP"
	badHeader   literal = "the Authorization header is malformed"

	tooLong       literal = "the token is too long"
	notCompact    literal = "the token is not a signed JWT in compact form"
	badHeaderJSON literal = "the token's header is not a JSON object with unique members of the right types"
	badClaimsJSON literal = "the token's claims are not a JSON object with unique members"
	badType       literal = "the token is of another type than an access token"
	badAlgorithm  literal = "the token's algorithm is not accepted"
	ownKey        literal = "the token brings or points to its own key"
	critical      literal = "the token has a critical or transforming header that is not supported"

	unknownIssuer literal = "the token is not from an issuer this server trusts"
	unknownKey    literal = "the token names a key that its issuer does not publish for this algorithm"
	badSignature  literal = "the token's signature is not valid"

	noSubject   literal = "the token has no subject"
	badAudience literal = "the token is not meant for this server"
	badTime     literal = "the token's times are missing or malformed"
	expired     literal = "the token has expired"
	tooEarly    literal = "the token is not valid yet"
	fromFuture  literal = "the token was issued in the future"
	badClaim    literal = "a claim of the token has the wrong type or form"
	badScope    literal = "the token's scope is malformed"
	badUser     literal = "the token's fhirUser does not name a user of this server"
	otherKind   literal = "the token is of another kind than an access token"
	inactive    literal = "the token is not active, says its issuer"
	otherToken  literal = "the token's issuer speaks of another token"
	revoked     literal = "the token was revoked"
	badPatient  literal = "the token's patient is not the id of a Patient"

	badConfirmation    literal = "the token is bound in a way that is not supported"
	boundToKey         literal = "the token is bound to a key and must be sent as DPoP, with a proof"
	boundToCertificate literal = "the token is bound to a client certificate that was not shown"
	notBound           literal = "the token is not bound to a key and must be sent as Bearer"
	otherKey           literal = "the proof is by another key than the token is bound to"

	noProof        literal = "the DPoP header is missing"
	manyProofs     literal = "there is more than one DPoP header"
	badProof       literal = "the proof is not a JWT of the form that DPoP wants"
	proofType      literal = "the proof's typ is not dpop+jwt"
	proofKey       literal = "the proof's jwk is not one public key of a supported kind"
	proofAlgorithm literal = "the proof's algorithm is not accepted, or not its key's"
	proofSignature literal = "the proof's signature is not valid"
	proofClaim     literal = "the proof lacks one of jti, htm, htu and iat, or has it in a wrong form"
	proofMethod    literal = "the proof is for another method"
	proofTarget    literal = "the proof is for another URL"
	proofToken     literal = "the proof is for another token"
	proofOld       literal = "the proof is too old"
	proofEarly     literal = "the proof was made in the future"
	proofUsed      literal = "the proof was used before"

	tooWeak literal = "a stronger or more recent sign-in is needed"
)
