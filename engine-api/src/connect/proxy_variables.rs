//! The proxies that the docker command sets in containers and builds.

use std::collections::BTreeMap;
use std::fmt;

use super::CommandConfig;
use super::command_config::ProxySettings;

/// The environment variables of proxies that the docker command sets in containers and builds:
/// `proxies` of its `config.json`. See
/// [`Docker::proxy_variables`](crate::Docker::proxy_variables).
///
/// Each is set in upper and in lower case. `Debug` shows only the names, because values may contain
/// passwords.
///
/// ```no_run
/// # async fn demo(docker: engine_api::Docker) -> engine_api::Result<()> {
/// use engine_api::containers::CreateContainer;
///
/// let mut container = CreateContainer { image: "busybox".into(), ..Default::default() };
/// docker.proxy_variables().add_to(&mut container.env);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxyVariables(BTreeMap<String, String>);

impl ProxyVariables {
    /// The variables for the engine at an address, by its original form: `tcp://` also with TLS.
    /// Without an entry for it, those of `default`.
    pub(crate) fn of(config: &CommandConfig, address: &str) -> Self {
        let settings = config
            .proxies
            .get(address)
            .or_else(|| config.proxies.get("default"));
        settings.map(Self::new).unwrap_or_default()
    }

    fn new(settings: &ProxySettings) -> Self {
        let named = [
            ("HTTP_PROXY", &settings.http_proxy),
            ("HTTPS_PROXY", &settings.https_proxy),
            ("NO_PROXY", &settings.no_proxy),
            ("FTP_PROXY", &settings.ftp_proxy),
            ("ALL_PROXY", &settings.all_proxy),
        ];
        let set = named.into_iter().filter(|(_, value)| !value.is_empty());
        let both = |(name, value): (&str, &String)| {
            [name.to_owned(), name.to_ascii_lowercase()].map(|name| (name, value.clone()))
        };
        Self(set.flat_map(both).collect())
    }

    /// The names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds the variables that a container does not have: an existing variable with the same name
    /// wins, with or without a value.
    #[cfg(feature = "containers")]
    pub fn add_to(&self, env: &mut crate::common::EnvList) {
        let has = |env: &crate::common::EnvList, name: &str| {
            env.iter().any(|entry| entry.split('=').next() == Some(name))
        };
        for (name, value) in self.iter() {
            if !has(env, name) {
                env.push(format!("{name}={value}"));
            }
        }
    }

    /// Adds the variables that a build does not have as arguments. Builders know these arguments
    /// without an `ARG` instruction, and keep them out of the image's history.
    #[cfg(feature = "full")]
    pub fn add_to_build(&self, args: &mut crate::images::BuildArgs) {
        for (name, value) in self.iter() {
            args.entry(name.to_owned())
                .or_insert_with(|| Some(value.to_owned()));
        }
    }
}

impl fmt::Debug for ProxyVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::EnvList;

    fn of(text: &str, address: &str) -> ProxyVariables {
        ProxyVariables::of(&crate::wire::json::decode(text.as_bytes()).unwrap(), address)
    }

    const TEXT: &str = r#"{"proxies":{"default":{"httpProxy":"http://u:hunter2@p","noProxy":"a,b"},
        "tcp://h:2375":{"allProxy":"socks5://q"}}}"#;

    #[test]
    fn engine_has_its_own_proxies_or_the_default_ones() {
        let names = |variables: &ProxyVariables| variables.0.keys().cloned().collect::<Vec<_>>();
        let default = of(TEXT, "unix:///d.sock");
        assert_eq!(
            names(&default),
            ["HTTP_PROXY", "NO_PROXY", "http_proxy", "no_proxy"]
        );
        assert!(!format!("{default:?}").contains("hunter2"));
        let own = of(TEXT, "tcp://h:2375");
        assert_eq!(names(&own), ["ALL_PROXY", "all_proxy"]);
        assert_eq!(of("{}", "x"), ProxyVariables::default());
        assert_eq!(of(r#"{"proxies":null}"#, "x"), ProxyVariables::default());
    }

    #[cfg(feature = "full")]
    #[test]
    fn variable_of_the_user_precedes() {
        let mut env: EnvList = ["http_proxy=own", "NO_PROXY"].into();
        of(TEXT, "x").add_to(&mut env);
        assert_eq!(
            env.to_vec(),
            [
                "http_proxy=own",
                "NO_PROXY",
                "HTTP_PROXY=http://u:hunter2@p",
                "no_proxy=a,b"
            ]
        );
        let mut args: crate::images::BuildArgs = [("NO_PROXY", "")].into();
        of(TEXT, "x").add_to_build(&mut args);
        assert_eq!(args["NO_PROXY"].as_deref(), Some(""));
        assert_eq!(args["no_proxy"].as_deref(), Some("a,b"));
    }
}
