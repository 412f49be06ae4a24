package service

import (
	_ "embed"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pinned is "<sha256>  keycloak-quarkus-dist-<version>.zip", which install.sh
// reads too.
//
//go:embed keycloak.sha256
var pinned string

// Keycloak is a Keycloak server with the realm "hospital": the people of People,
// the clients that a test registers, and ResourceServer.
type Keycloak struct {
	*program
	url string
}

// URL is the server's, without a slash at the end.
func (k *Keycloak) URL() string { return k.url }

// Issuer is the realm's: what its tokens have as iss.
func (k *Keycloak) Issuer() string { return k.url + "/realms/hospital" }

// StartKeycloak is the process's Keycloak. The first call takes some ten seconds
// and 350 MB.
func StartKeycloak(t testing.TB) *Keycloak {
	t.Helper()
	return the(t, "Keycloak", startKeycloak)
}

func startKeycloak() (*Keycloak, error) {
	home, err := keycloakHome()
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, errAbsent
	}
	dir, err := os.MkdirTemp("", "firebreak-keycloak-")
	if err != nil {
		return nil, err
	}
	k, err := launchKeycloak(java, home, dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := k.prepare(); err != nil {
		k.stop()
		return nil, err
	}
	return k, nil
}

func keycloakHome() (string, error) {
	dir, err := cache()
	if err != nil {
		return "", err
	}
	_, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(pinned), ".zip"), "keycloak-quarkus-dist-")
	home := filepath.Join(dir, "keycloak-"+name)
	if _, err := os.Stat(filepath.Join(home, "template.mv.db")); err != nil {
		return "", errAbsent
	}
	return home, nil
}

// launchKeycloak starts the program as its script does, but for a home directory
// of its own, which links to what may be shared: its database and its
// temporary files are found from there.
func launchKeycloak(java, home, dir string) (*Keycloak, error) {
	for _, part := range []string{"lib", "providers", "conf", "themes"} {
		if err := os.Symlink(filepath.Join(home, part), filepath.Join(dir, part)); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "data", "tmp"), 0o700); err != nil {
		return nil, err
	}
	if err := copyFile(filepath.Join(dir, "data", "h2", "keycloakdb.mv.db"), filepath.Join(home, "template.mv.db")); err != nil {
		return nil, err
	}
	number, err := port()
	if err != nil {
		return nil, err
	}
	trusted, err := authority()
	if err != nil {
		return nil, err
	}
	k := &Keycloak{url: "http://127.0.0.1:" + number}
	cmd := exec.Command(java, keycloakArguments(dir)...)
	cmd.Args = append(cmd.Args, "start", "--optimized", "--cache=local", "--http-enabled=true", "--hostname="+k.url,
		"--http-host=127.0.0.1", "--http-port="+number,
		"--truststore-paths="+trusted.CA)
	cmd.Dir = dir
	if k.program, err = run(dir, cmd); err != nil {
		return nil, err
	}
	if err := k.await(k.url+"/realms/master", 3*time.Minute); err != nil {
		k.stop()
		return nil, err
	}
	return k, nil
}

// keycloakArguments are what bin/kc.sh gives to Java, with a bound on memory and
// only the quick compiler: the server lives for minutes.
func keycloakArguments(dir string) []string {
	return []string{
		"-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8",
		"-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
		"-Djava.util.concurrent.ForkJoinPool.common.threadFactory=io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
		"-Dpicocli.disable.closures=true",
		"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
		"--add-opens=java.base/java.security=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"--enable-native-access=ALL-UNNAMED",
		"-Djava.io.tmpdir=" + filepath.Join(dir, "data", "tmp"),
		"-Dkc.home.dir=" + dir, "-Djboss.server.config.dir=" + filepath.Join(dir, "conf"),
		"-cp", filepath.Join(dir, "lib", "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
	}
}

func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
