package fhirpath_test

import (
	"fmt"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

func Example() {
	doc, err := fhirjson.Parse([]byte(`{"resourceType":"Patient",
		"telecom":[{"system":"phone","value":"555"},{"system":"email","value":"amy@example.org"}]}`))
	if err != nil {
		panic(err)
	}
	email, err := fhirpath.Compile("Patient.telecom.where(system='email').value", r4.Model{})
	if err != nil {
		panic(err)
	}
	items, err := email.Eval(fhirpath.Env{}, fhirpath.Resource(doc.Root()))
	if err != nil {
		panic(err)
	}
	for _, it := range items {
		fmt.Println(it.Type(), it.Text(), it.Path())
	}
	// Output: string amy@example.org Patient.telecom[1].value
}

func ExampleExpr_Bool() {
	doc, _ := fhirjson.Parse([]byte(`{"resourceType":"Observation","valueQuantity":{"value":185,"unit":"lbs"},"dataAbsentReason":{"text":"?"}}`))
	obs6, _ := fhirpath.Compile("dataAbsentReason.empty() or value.empty()", r4.Model{})
	fmt.Println(obs6.Bool(fhirpath.Env{}, fhirpath.Resource(doc.Root())))
	// Output: false true <nil>
}

func ExampleCompile() {
	_, err := fhirpath.Compile("Patient.name.frist()", r4.Model{})
	fmt.Println(err)
	// Output: fhirpath: unknown function at byte 13
}
