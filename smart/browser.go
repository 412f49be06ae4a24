package smart

import "strings"

// named is a word in what a browser says it is, and what people call that. The
// first that is found counts: most browsers also say that they are others.
type named struct{ word, name string }

func browsers() []named {
	return []named{{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
}

func systems() []named {
	return []named{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "Mac"}, {"Linux", "Linux"}}
}

// browserName says a User-Agent (RFC 9110 section 10.1.5) in words of ours:
// "Firefox on Windows". It helps people to know their own sign-ins again, and
// proves nothing.
func browserName(agent string) string {
	browser, system := find(agent, browsers()), find(agent, systems())
	switch {
	case browser == "" && system == "":
		return "Unknown browser"
	case system == "":
		return browser
	case browser == "":
		return "A browser on " + system
	}
	return browser + " on " + system
}

func find(text string, list []named) string {
	for _, n := range list {
		if strings.Contains(text, n.word) {
			return n.name
		}
	}
	return ""
}
