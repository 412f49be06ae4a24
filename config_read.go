package firebreak

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// readConfig reads the file over the defaults. Keys are written one way only;
// each fault is a line that begins with its key.
func readConfig(path string) (Config, error) {
	k := koanf.New(".")
	if err := k.Load(file.Provider(path), oneDocument{yaml.Parser()}); err != nil {
		return Config{}, err
	}
	// YAML reads an unquoted 1.3 as a number.
	if v, ok := k.Get("tls.min").(float64); ok {
		if err := k.Set("tls.min", strconv.FormatFloat(v, 'f', -1, 64)); err != nil {
			return Config{}, err
		}
	}
	// What is not a key has the tag "-", which the decoder takes for its name.
	_, dash := k.Raw()["-"]
	k.Delete("-")
	cfg := DefaultConfig()
	var meta mapstructure.Metadata
	err := k.UnmarshalWithConf("", &cfg, koanf.UnmarshalConf{Tag: "koanf",
		DecoderConfig: &mapstructure.DecoderConfig{DecodeHook: mapstructure.TextUnmarshallerHookFunc(), Metadata: &meta,
			MatchName: func(key, field string) bool { return key == field }}})
	faults := mistyped(err)
	for _, n := range notWhole(k.Raw(), "") {
		// Where no number fits, or no key, that is said already.
		if !slices.Contains(meta.Unused, n.key) && !slices.ContainsFunc(faults, func(f keyFault) bool { return f.key == n.key }) {
			faults = append(faults, n)
		}
	}
	if dash {
		meta.Unused = append(meta.Unused, "-")
	}
	for _, key := range meta.Unused {
		faults = append(faults, keyFault{"unknown key " + key, "docs/configuration.md lists those there are"})
	}
	var all []error
	for _, f := range faults {
		all = append(all, f)
	}
	return cfg, errors.Join(all...)
}

// keyFault is what is wrong with the value of one key.
type keyFault struct{ key, text string }

func (f keyFault) Error() string { return f.key + ": " + f.text }

// mistyped takes the decoder's error apart: a fault for each value that is of
// another kind than its key wants. The values are not shown.
func mistyped(err error) []keyFault {
	if err == nil {
		return nil
	}
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var out []keyFault
		for _, e := range list.Unwrap() {
			out = append(out, mistyped(e)...)
		}
		return out
	}
	if at, ok := err.(*mapstructure.DecodeError); ok {
		return []keyFault{{at.Name(), wanted(at)}}
	}
	if inner := errors.Unwrap(err); inner != nil {
		return mistyped(inner)
	}
	return []keyFault{{"the file", err.Error()}}
}

// wanted says what a key's value should look like.
func wanted(at *mapstructure.DecodeError) string {
	const aTime = "must be a time with its unit, such as 30s or 5m"
	var kind *mapstructure.UnconvertibleTypeError
	switch text := at.Unwrap().Error(); {
	case errors.As(at, &kind):
		switch kind.Expected.Kind().String() {
		case "string":
			return "must be a text; put it in quotes"
		case "bool":
			return "must be true or false"
		}
		return "must be a whole number"
	case strings.HasPrefix(text, "time: "):
		return aTime
	case strings.Contains(text, "array or slice"):
		return "must be a list, such as [a, b]"
	case isSection(at.Name()):
		return "must be a section, with keys of its own"
	}
	return aTime
}

// isSection tells keys with keys below them from times, which the decoder does not.
func isSection(key string) bool {
	switch key {
	case "tls", "store", "audit", "smart", "smart.passwords", "smart.roles", "policies", "limits", "log":
		return true
	}
	if strings.HasSuffix(key, "]") { // an entry of a list
		return true
	}
	if strings.HasPrefix(key, "smart.providers[") {
		return strings.HasSuffix(key, ".rules") || strings.HasSuffix(key, ".organization") || strings.HasSuffix(key, ".roles") || strings.HasSuffix(key, ".acr")
	}
	return strings.HasPrefix(key, "issuers[") && (strings.HasSuffix(key, ".claims") || strings.HasSuffix(key, ".introspection"))
}

// notWhole are the keys of numbers that the decoder would cut down to fit.
func notWhole(value any, key string) []keyFault {
	var out []keyFault
	switch v := value.(type) {
	case map[string]any:
		for name, below := range v {
			out = append(out, notWhole(below, strings.TrimPrefix(key+"."+name, "."))...)
		}
	case []any:
		for n, below := range v {
			out = append(out, notWhole(below, fmt.Sprintf("%s[%d]", key, n))...)
		}
	case uint64: // YAML's for what an int cannot hold
		out = append(out, keyFault{key, "is too large a number"})
	case float64:
		if math.Abs(v) >= math.MaxInt64 {
			return []keyFault{{key, "is too large a number"}}
		}
		out = append(out, keyFault{key, "must be a whole number, without a point or an exponent"})
	}
	slices.SortFunc(out, func(a, b keyFault) int { return strings.Compare(a.key, b.key) })
	return out
}

var errNoKey = errors.New("the file: a key is empty; write key: value")

// keyless reports whether a line has YAML's null for a key, which the parser
// passes over with its value.
func keyless(line string) bool {
	key, _, ok := strings.Cut(strings.TrimSpace(line)+" ", ": ")
	return ok && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, strings.TrimSpace(key)) || strings.TrimSpace(line) == "?"
}

// nameless reports whether a key is empty. At the top it would be passed over.
func nameless(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for name, below := range v {
			if name == "" || nameless(below) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, nameless)
	}
	return false
}

// oneDocument refuses a file with a second YAML document: of two, the parser
// would read the first and not say so. Nor does it say that a key is empty.
type oneDocument struct{ *yaml.YAML }

// Unmarshal is koanf's.
func (p oneDocument) Unmarshal(b []byte) (map[string]any, error) {
	const before, inside, after = 0, 1, 2
	state := before
	for line := range bytes.Lines(b) {
		text := strings.TrimRight(string(line), " \t\r\n")
		// At the start of a line these are markers wherever they stand: YAML 1.2
		// §9.1.2, "c-forbidden".
		begins, ends := text == "---" || strings.HasPrefix(text, "--- ") || strings.HasPrefix(text, "---\t"), text == "..."
		empty := strings.TrimLeft(text, " \t") == "" || strings.HasPrefix(strings.TrimLeft(text, " \t"), "#")
		switch {
		case ends:
			state = after
		case state == before && strings.HasPrefix(text, "%"): // a directive
		case state == before && !empty:
			state = inside
		case state == inside && begins, state == after && !empty:
			return nil, errors.New("it holds a second YAML document (a line ---), which would not be read")
		}
		if keyless(text) {
			return nil, errNoKey
		}
	}
	read, err := p.YAML.Unmarshal(b)
	if err == nil && nameless(read) {
		return nil, errNoKey
	}
	return read, err
}
