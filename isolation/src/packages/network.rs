//! The way of package managers on this machine to an index: certificates and proxies.

use crate::command::Command;
use crate::engine::capabilities::IsolationLevel;
use crate::environment::Environment;

/// The variables of this process that commands of package managers get. Commands of users do not
/// get them, as they get no variable of this process.
const PASSED: [&str; 15] = [
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "UV_NATIVE_TLS",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Adds the variables of this process to a command that uses the network and the files of this
/// machine. Variables of the command and of the environment come first.
pub(super) fn reach_index(environment: &Environment, mut command: Command) -> Command {
    let shared = environment.shared();
    if shared.capabilities.isolation() == IsolationLevel::Process {
        let is_given = |name: &str| shared.spec.env.contains_key(name) || command.env.contains_key(name);
        let passed = passed(is_given, |name| std::env::var(name).ok());
        command.env.extend(passed);
    }
    command
}

/// The variables that are set and not given already.
fn passed(is_given: impl Fn(&str) -> bool, value: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let names = PASSED.into_iter().filter(|name| !is_given(name));
    names
        .filter_map(|name| Some((name.to_owned(), value(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_that_are_not_given_are_passed() {
        let set = ["HTTPS_PROXY", "PIP_INDEX_URL", "PYTHONPATH", "SSL_CERT_FILE"];
        let value = |name: &str| set.contains(&name).then(|| "host".to_owned());
        let found = passed(|name| name == "HTTPS_PROXY", value);
        assert_eq!(found, [("SSL_CERT_FILE".to_owned(), "host".to_owned())]);
    }
}
