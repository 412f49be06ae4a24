// Package fhir has FHIR's own words (http://hl7.org/fhir/R4/http.html): the
// Request that arrived, the Interaction it means, the Plan the Interaction
// becomes, the Touches a decision is made on, and the Problem that says why not.
//
// It decides nothing about who may do what and stores nothing. Its one
// surprise: a Plan has only two instructions, Fetch and Replace, because
// security is written for those two and for nothing else.
package fhir

// Request is one request as the transport hands it on: routed to no handler,
// judged by nobody, free of HTTP's types.
type Request struct {
	Method string // GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
	Path   string // below the base, without leading slash: "Patient/1"
	Query  string // raw, as received
	Body   []byte

	Authorization     string
	DPoP              string // proof of possession (RFC 9449)
	Accept            string
	ContentType       string
	Prefer            string
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   string
	IfNoneExist       string
	RequestID         string   // X-Request-Id of the client, echoed
	Provenance        string   // X-Provenance
	Peer              string   // network address of the client
	Visit             string   // our id of this request
	Base              string   // absolute URL of the service, no trailing slash
	ClientCertificate string   // SHA-256 of the client's certificate in hexadecimal, or ""
	ClientSubject     string   // its subject, "CN=app,O=Clinic" (RFC 4514)
	ClientNames       []string // its alternative names: "dns:…", "uri:…", "ip:…", "email:…"
}
