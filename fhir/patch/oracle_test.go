package patch_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// The oracle: RFC 6902 word by word on decoded values, everything copied. Objects
// are map[string]any, numbers json.Number, arrays *list.

type list struct {
	items   []any
	emptied bool
}

func decode(tb interface{ Fatalf(string, ...any) }, text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("%v: %s", err, text)
	}
	return listed(v)
}

func listed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = listed(v[k])
		}
	case []any:
		l := &list{items: v}
		for i := range v {
			v[i] = listed(v[i])
		}
		return l
	}
	return v
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k := range v {
			m[k] = clone(v[k])
		}
		return m
	case *list:
		l := &list{emptied: v.emptied}
		for _, c := range v.items {
			l.items = append(l.items, clone(c))
		}
		return l
	}
	return v
}

// same compares decoded values; numbers by their digits, as no operation changes them.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if w, ok := b[k]; !ok || !same(a[k], w) {
				return false
			}
		}
		return true
	case *list:
		b, ok := b.(*list)
		return ok && slices.EqualFunc(a.items, b.items, same)
	}
	return a == b
}

// pruned is v without members whose array lost its last item.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			if l, ok := c.(*list); ok && l.emptied && len(l.items) == 0 {
				delete(v, k)
				continue
			}
			pruned(c)
		}
	case *list:
		for _, c := range v.items {
			pruned(c)
		}
	}
	return v
}

var errOracle = errors.New("refused")

func lookup(v any, path []string) (any, error) {
	for _, t := range path {
		switch c := v.(type) {
		case map[string]any:
			m, ok := c[t]
			if !ok {
				return nil, errOracle
			}
			v = m
		case *list:
			i, err := strconv.Atoi(t)
			if err != nil || strconv.Itoa(i) != t || i < 0 || i >= len(c.items) {
				return nil, errOracle
			}
			v = c.items[i]
		default:
			return nil, errOracle
		}
	}
	return v, nil
}

func oracleAdd(root any, path []string, v any) error {
	around, err := lookup(root, path[:len(path)-1])
	if err != nil {
		return err
	}
	t := path[len(path)-1]
	switch c := around.(type) {
	case map[string]any:
		c[t] = v
		return nil
	case *list:
		i, err := strconv.Atoi(t)
		if t == "-" {
			i, err = len(c.items), nil
		} else if err != nil || strconv.Itoa(i) != t {
			return errOracle
		}
		if i < 0 || i > len(c.items) {
			return errOracle
		}
		c.items = slices.Insert(c.items, i, v)
		return nil
	}
	return errOracle
}

func oracleRemove(root any, path []string) (any, error) {
	v, err := lookup(root, path)
	if err != nil {
		return nil, err
	}
	around, _ := lookup(root, path[:len(path)-1])
	t := path[len(path)-1]
	switch c := around.(type) {
	case map[string]any:
		delete(c, t)
	case *list:
		i, _ := strconv.Atoi(t)
		c.items = slices.Delete(c.items, i, i+1)
		c.emptied = len(c.items) == 0
	}
	return v, nil
}

func (o op) oracle(root any) error {
	switch o.Op {
	case "add":
		return oracleAdd(root, o.path(), clone(o.value))
	case "remove":
		_, err := oracleRemove(root, o.path())
		return err
	case "replace":
		if _, err := lookup(root, o.path()); err != nil {
			return err
		}
		// In place: add would shift an array.
		around, _ := lookup(root, o.path()[:len(o.path())-1])
		if l, ok := around.(*list); ok {
			i, _ := strconv.Atoi(o.path()[len(o.path())-1])
			l.items[i] = clone(o.value)
			return nil
		}
		return oracleAdd(root, o.path(), clone(o.value))
	case "move":
		if o.Path == o.From {
			_, err := lookup(root, o.path())
			return err
		}
		if strings.HasPrefix(o.Path, o.From+"/") {
			return errOracle
		}
		v, err := oracleRemove(root, tokens(o.From))
		if err != nil {
			return err
		}
		return oracleAdd(root, o.path(), v)
	case "copy":
		v, err := lookup(root, tokens(o.From))
		if err != nil {
			return err
		}
		return oracleAdd(root, o.path(), clone(v))
	default: // test
		v, err := lookup(root, o.path())
		if err != nil || !same(v, o.value) {
			return errOracle
		}
		return nil
	}
}
