package client

import (
	"testing"

	"firebreak/internal/service"
)

func TestMain(m *testing.M) { service.Main(m) }
