package validate

import (
	"mime"
	"strings"

	"firebreak/fhir"
)

var errCharset = fhir.NewProblem(fhir.UnsupportedMedia, "only UTF-8 is read; leave the charset out or make it utf-8").At(placeMedia)

// mediaOf is the media type of a body, "" when the Content-Type cannot be read.
// What is not in UTF-8 is refused (http.html#mime-type): its bytes would be read
// as what they are not.
func mediaOf(contentType string) (string, error) {
	switch contentType {
	case "application/fhir+json", "application/json-patch+json", "application/x-www-form-urlencoded": // what most clients send
		return contentType, nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", nil
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") {
		return "", errCharset
	}
	return media, nil
}
