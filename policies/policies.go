// Package policies holds the policies that Firebreak comes with, in Cedar, as
// files to read, copy and change. They are texts: package authz reads, checks
// and applies them.
package policies

import (
	"embed"
	"io/fs"
)

//go:embed *.cedar
var files embed.FS

// Default is the folder of the policies in force when none is configured.
func Default() fs.FS { return files }
