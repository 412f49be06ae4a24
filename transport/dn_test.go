package transport

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func name(t testing.TB, sets ...pkix.RelativeDistinguishedNameSET) []byte {
	t.Helper()
	der, err := asn1.Marshal(pkix.RDNSequence(sets))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func rdn(pairs ...any) (out pkix.RelativeDistinguishedNameSET) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, pkix.AttributeTypeAndValue{Type: pairs[i].(asn1.ObjectIdentifier), Value: pairs[i+1]})
	}
	return out
}

// TestDistinguishedNamesAreWrittenAsRFC4514Does: its section 4 has the first
// examples.
func TestDistinguishedNamesAreWrittenAsRFC4514Does(t *testing.T) {
	cn, o, ou, dc, uid := asn1.ObjectIdentifier{2, 5, 4, 3}, asn1.ObjectIdentifier{2, 5, 4, 10}, asn1.ObjectIdentifier{2, 5, 4, 11},
		asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	email := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	for want, der := range map[string][]byte{
		"UID=jsmith,DC=example,DC=net":                   name(t, rdn(dc, "net"), rdn(dc, "example"), rdn(uid, "jsmith")),
		"OU=Sales+CN=J.  Smith,DC=example,DC=net":        name(t, rdn(dc, "net"), rdn(dc, "example"), rdn(ou, "Sales", cn, "J.  Smith")),
		`CN=James \"Jim\" Smith\, III,DC=example,DC=net`: name(t, rdn(dc, "net"), rdn(dc, "example"), rdn(cn, `James "Jim" Smith, III`)),
		`CN=Before\0dAfter,DC=example`:                   name(t, rdn(dc, "example"), rdn(cn, "Before\rAfter")),
		"CN=Lučić":                                       name(t, rdn(cn, "Lučić")),
		`CN=\#a\ `:                                       name(t, rdn(cn, "#a ")),
		`CN=\ `:                                          name(t, rdn(cn, " ")),
		`CN=a\\b\+c\;d\<e\>`:                             name(t, rdn(cn, `a\b+c;d<e>`)),
		"CN=":                                            name(t, rdn(cn, "")),
		"CN=#0401ff,O=Clinic":                            name(t, rdn(o, "Clinic"), rdn(cn, []byte{0xff})),
		"":                                               name(t),
	} {
		if got := distinguished(der); got != want {
			t.Errorf("distinguished = %q, want %q", got, want)
		}
	}
	if got, want := distinguished(name(t, rdn(email, asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("a@b")}))), "1.2.840.113549.1.9.1=#1603614062"; got != want {
		t.Errorf("a type without a short name: %q, want %q", got, want)
	}
	for _, bad := range [][]byte{nil, {0x30}, append(name(t, rdn(cn, "a")), 0)} {
		if got := distinguished(bad); got != "" {
			t.Errorf("distinguished(%x) = %q, want nothing", bad, got)
		}
	}
}

// FuzzDistinguished: whatever a certificate holds is written without what would
// end the attribute, or fails.
func FuzzDistinguished(f *testing.F) {
	f.Add(name(f, rdn(asn1.ObjectIdentifier{2, 5, 4, 3}, "a,b")))
	f.Fuzz(func(t *testing.T, der []byte) {
		for _, c := range distinguished(der) {
			if c < ' ' || c == 0x7f {
				t.Fatalf("%x: a control character is left", der)
			}
		}
	})
}
