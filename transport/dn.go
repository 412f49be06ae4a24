package transport

import (
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"
)

// shortNames are the attribute types that RFC 4514 section 3 names.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.9": "STREET",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

// attribute is one of a relative name; encoding/asn1 takes a slice type for a
// SET by the end of its name.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type relativeSET []attribute

// distinguished is a distinguished name as RFC 4514 writes it, most specific
// first: "CN=app,O=Clinic". A name that is empty or cannot be read is "". Unlike
// the standard library's it keeps the order and the kinds of the certificate,
// which a comparison by text depends on.
func distinguished(der []byte) string {
	var names []relativeSET
	if rest, err := asn1.Unmarshal(der, &names); err != nil || len(rest) > 0 {
		return ""
	}
	slices.Reverse(names)
	var b strings.Builder
	for i, set := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, a := range set {
			if j > 0 {
				b.WriteByte('+')
			}
			a.write(&b)
		}
	}
	return b.String()
}

// write: section 2.3 and 2.4. A type without a short name, or a value that is no
// text, is written in hexadecimal.
func (a attribute) write(b *strings.Builder) {
	text, ok := a.text()
	short, known := shortNames[a.Type.String()]
	if !known || !ok {
		if !known {
			short = a.Type.String()
		}
		b.WriteString(short + "=#" + hex.EncodeToString(a.Value.FullBytes))
		return
	}
	b.WriteString(short + "=")
	for i := 0; i < len(text); i++ {
		c := text[i]
		first, last := i == 0, i == len(text)-1
		switch {
		case c < ' ' || c == 0x7f:
			b.WriteString(`\` + hex.EncodeToString([]byte{c}))
			continue
		case strings.IndexByte(`"+,;<>\`, c) >= 0, c == ' ' && (first || last), c == '#' && first:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
}

func (a attribute) text() (string, bool) {
	switch a.Value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
		return string(a.Value.Bytes), a.Value.Class == asn1.ClassUniversal && utf8.Valid(a.Value.Bytes)
	}
	return "", false
}
