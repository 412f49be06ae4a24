package scope_test

import (
	"fmt"

	"firebreak/smart/scope"
)

func ExampleGrant() {
	request, err := scope.Parse("openid patient/Condition.read patient/Appointment.cruds offline_access")
	if err != nil {
		fmt.Println(err)
		return
	}
	request = request.Allowed([]string{"openid", "offline_access", "patient/*.rs"})
	for _, group := range scope.Choices(request, scope.Reader{Own: true}) {
		for _, choice := range group.Choices {
			fmt.Printf("%s: %s\n", group.Title, choice.Text)
		}
	}
	problems := "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"
	fmt.Println(scope.Grant(request, []string{"patient/Condition.rs", problems, "patient/Appointment.rs"}))
	// Output:
	// Signing in: Know that it is you who signed in
	// Conditions: See your health conditions and diagnoses
	// Visits: See your appointments
	// How long: Keep access when you are not using it
	// openid patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item patient/Appointment.rs
}
