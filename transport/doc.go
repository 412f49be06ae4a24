// Package transport is how bytes become a fhir.Request and a gate.Reply becomes
// bytes: TLS, mutual TLS, limits, CORS and headers (control 2, communications,
// of http://hl7.org/fhir/R4/security.html; TLS by BCP 195, RFC 9325; framing by
// RFC 9112, strictly).
//
// It knows no resource, judges nobody and opens nothing: its Handler has no
// http.ResponseWriter, and an answer leaves only as a gate.Reply, of which it
// is the one reader. What it refuses by itself (limits, ambiguous framing, a
// path that is not canonical) is answered from literals, before anything stored
// could have been looked at. Cookies are never read, forwarding headers are
// never believed, and answers are never compressed (BREACH,
// https://www.breachattack.com: content and reflected input in one answer).
//
// Its one surprise: HTTP/1.1 requests are checked byte by byte before net/http
// parses them (guard.go), because net/http repairs in silence some of what a
// gate has to refuse, such as Content-Length beside Transfer-Encoding.
package transport
