package firebreak

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"firebreak/smart/client"
)

// OutboundConfig says where this server may go to addresses that are registered
// with applications: their key sets, and where they are told of sign-outs. Without
// any of it that is every public address.
type OutboundConfig struct {
	// Hosts are the only ones: "keys.example.org", or ".example.org" for all below.
	Hosts []string `koanf:"hosts"`
	// Networks may be reached though they are not public: "10.1.0.0/16".
	Networks []string `koanf:"networks"`
	// CAFile holds further authorities (PEM), besides the system's.
	CAFile string `koanf:"ca_file"`
}

func (c OutboundConfig) check(fault faultFunc) {
	for n, h := range c.Hosts {
		// As it will be compared: letter by letter with the host of a URL.
		if name := strings.TrimPrefix(h, "."); name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, "*/@: ") {
			fault(fmt.Sprintf("smart.outbound.hosts[%d]", n), "must be a host's name in small letters, or a dot and a name for all below it")
		}
	}
	for n, text := range c.Networks {
		if p, err := netip.ParsePrefix(text); err != nil || p != p.Masked() {
			fault(fmt.Sprintf("smart.outbound.networks[%d]", n), "must be a network such as 10.1.0.0/16")
		}
	}
	checkFile(fault, "smart.outbound.ca_file", c.CAFile, false)
}

// rules are those that requests keep to.
func (c OutboundConfig) rules() (client.Outbound, error) {
	out := client.Outbound{Hosts: c.Hosts}
	for _, text := range c.Networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return out, fmt.Errorf("smart.outbound.networks: %w", err)
		}
		out.Private = append(out.Private, p)
	}
	if c.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return out, fmt.Errorf("smart.outbound.ca_file: %w", err)
	}
	if out.Roots, err = x509.SystemCertPool(); err != nil {
		return out, fmt.Errorf("smart.outbound.ca_file: %w", err)
	}
	if !out.Roots.AppendCertsFromPEM(pem) {
		return out, errors.New("smart.outbound.ca_file: there is no certificate in it")
	}
	return out, nil
}
