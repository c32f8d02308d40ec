//! How a machine comes to trust the local authority, for `ecslocal doctor`.

use std::path::Path;

/// One place that has its own list of authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStep {
    /// Where: an operating system or a program.
    pub place: &'static str,
    /// What to run there, in order.
    pub commands: Vec<String>,
    /// What else there is to know; empty if nothing.
    pub note: &'static str,
}

/// What to do for each place, with `certificate` the path of `ca.pem`. The operating systems come first, then programs that do not ask theirs.
#[must_use]
pub fn trust_steps(certificate: &Path) -> Vec<TrustStep> {
    let path = quoted(certificate);
    let step =
        |place, commands: &[&str], note| TrustStep { place, commands: commands.iter().map(|command| command.replace("@ca@", &path)).collect(), note };
    vec![
        step("curl, once", &["curl --cacert @ca@ https://localhost:8443/"], "the port is that of your listener; nothing is changed on the machine"),
        step(
            "Debian, Ubuntu",
            &["sudo cp @ca@ /usr/local/share/ca-certificates/ecslocal.crt", "sudo update-ca-certificates"],
            "the name must end in `.crt`",
        ),
        step("Fedora, RHEL", &["sudo cp @ca@ /etc/pki/ca-trust/source/anchors/ecslocal.pem", "sudo update-ca-trust"], ""),
        step("Arch", &["sudo trust anchor --store @ca@"], ""),
        step(
            "macOS",
            &["sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain @ca@"],
            "for Safari, Chrome and curl; Firefox asks the keychain by default",
        ),
        step(
            "Windows, from WSL",
            &["cp @ca@ /mnt/c/Users/Public/ecslocal.crt", "powershell.exe -Command 'certutil -user -addstore Root C:\\Users\\Public\\ecslocal.crt'"],
            "for browsers of Windows; programs inside WSL ask the Linux list",
        ),
        step(
            "Chrome, Chromium on Linux",
            &["mkdir -p ~/.pki/nssdb", "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ecslocal -i @ca@"],
            "`certutil` is in `libnss3-tools` (Debian) or `nss-tools` (Fedora)",
        ),
        step(
            "Firefox on Linux",
            &["for profile in ~/.mozilla/firefox/*.default*; do certutil -d sql:$profile -A -t C,, -n ecslocal -i @ca@; done"],
            "or: Settings, Privacy & Security, View Certificates, Authorities, Import; Firefox from snap has its profiles in `~/snap/firefox/common`",
        ),
        step("Node.js", &["export NODE_EXTRA_CA_CERTS=@ca@"], "before the process starts"),
        step("Python", &["export SSL_CERT_FILE=@ca@ REQUESTS_CA_BUNDLE=@ca@"], "in place of all other authorities"),
        step(
            "Java",
            &["sudo keytool -importcert -noprompt -cacerts -storepass changeit -alias ecslocal -file @ca@"],
            "for the Java that `keytool` belongs to; inside a container as well, if it is the one that asks",
        ),
    ]
}

/// For a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
    if text.bytes().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_names_the_file() {
        let steps = trust_steps(Path::new("/home/me/.ecslocal/ca.pem"));
        for step in &steps {
            assert!(step.commands.iter().any(|command| command.contains("/home/me/.ecslocal/ca.pem")), "{step:?}");
            assert!(step.commands.iter().all(|command| !command.contains("@ca@")), "{step:?}");
        }
        let node = steps.iter().find(|step| step.place == "Node.js").unwrap();
        assert_eq!(node.commands, ["export NODE_EXTRA_CA_CERTS=/home/me/.ecslocal/ca.pem"]);
        assert_eq!(quoted(Path::new("/my files/it's")), "'/my files/it'\\''s'");
    }
}
