//! The configuration in effect: the files and environment variables, and the source of each value.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::files::{self, Lookup};
use super::source::{Setting, Source};
use super::{Config, DockerConfig, keys};
use crate::error::{Error, Result};

/// The configuration in effect.
///
/// A value comes from the first of these sources that has it: an [option](Self::with), an
/// environment variable, the project's file, the user's file, the default. The project's file is
/// `isolate.json` in the current directory or the nearest parent directory. The user's file is
/// `isolate/config.json` in `$XDG_CONFIG_HOME` or `~/.config`, on Windows in `%APPDATA%`. A named
/// file replaces both.
///
/// | variable | key |
/// |---|---|
/// | `ISOLATE_ENGINE` | `engine` |
/// | `ISOLATE_IMAGE` | `docker.default_image` |
/// | `ISOLATE_REQUIRE` | `require` |
/// | `DOCKER_HOST`, `DOCKER_CONTEXT` | `docker.docker_host` |
/// | `ISOLATE_CONFIG` | none: it names the file |
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Weakest first.
    layers: Vec<(Source, Config)>,
    /// The environment variable that names the Docker daemon. [`engine_api`] reads it itself.
    daemon: Option<(&'static str, String)>,
}

impl Settings {
    /// Reads the environment variables and the files of this process. `file` replaces the files of
    /// the project and the user.
    ///
    /// # Errors
    ///
    /// A named file does not exist; a file or variable is invalid. The error names it.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let here = std::env::current_dir().map_err(|e| Error::io("find", ".".as_ref(), e))?;
        Self::find(file, &here, &|name| std::env::var(name).ok())
    }

    fn find(file: Option<&Path>, here: &Path, env: Lookup<'_>) -> Result<Self> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let named = file
            .map(Path::to_owned)
            .or_else(|| set("ISOLATE_CONFIG").map(PathBuf::from));
        let mut layers = Vec::new();
        match named {
            Some(file) => {
                let (config, _) = Config::from_file(&file)?;
                layers.push((Source::File(file), config));
            }
            None => {
                for file in [files::of_user(&set), files::of_project(here)]
                    .into_iter()
                    .flatten()
                {
                    if let Some((config, _)) = files::read(&file)? {
                        layers.push((Source::File(file), config));
                    }
                }
            }
        }
        let daemon = ["DOCKER_HOST", "DOCKER_CONTEXT"]
            .into_iter()
            .find_map(|name| set(name).map(|value| (name, value)));
        if daemon.is_some() {
            for (_, config) in &mut layers {
                config.docker.docker_host = None;
            }
        }
        for (name, value) in variables(&set)? {
            layers.push((Source::Variable(name.to_owned()), value));
        }
        Ok(Self { layers, daemon })
    }

    /// Adds values that override all others.
    #[must_use]
    pub fn with(mut self, source: Source, config: Config) -> Self {
        self.layers.push((source, config));
        self
    }

    /// The values in effect. A value is `None` if it is not set and has no default.
    pub fn config(&self) -> Config {
        let strongest_first = self.layers.iter().rev().map(|(_, config)| config.clone());
        let set = strongest_first.fold(Config::default(), Config::over);
        set.over(Config::defaults())
    }

    /// Every key with its value and the source of the value.
    pub fn explain(&self) -> Vec<Setting> {
        let defaults = (Source::Default, Config::defaults());
        let layers: Vec<(&Source, Value)> = std::iter::once(&defaults)
            .chain(&self.layers)
            .map(|(source, config)| (source, serde_json::json!(config)))
            .collect();
        let setting = |key: &'static str| {
            let found = layers.iter().rev().find_map(|(source, config)| {
                let value = keys::value(config, key)?;
                Some(((*source).clone(), value.clone()))
            });
            let (source, value) = found.unwrap_or_else(|| self.not_in_a_layer(key));
            Setting { key, value, source }
        };
        keys::KEYS.into_iter().map(setting).collect()
    }

    fn not_in_a_layer(&self, key: &str) -> (Source, Value) {
        match &self.daemon {
            Some((name, value)) if key == "docker.docker_host" => {
                let source = Source::Variable((*name).to_owned());
                let value = match *name {
                    "DOCKER_HOST" => engine_api::connect::without_secrets(value),
                    _ => format!("of the context {value}"),
                };
                (source, value.into())
            }
            _ => (Source::Default, Value::Null),
        }
    }
}

/// The values of the environment variables, each with its name.
fn variables(set: Lookup<'_>) -> Result<Vec<(&'static str, Config)>> {
    let mut found = Vec::new();
    if let Some(engine) = set("ISOLATE_ENGINE") {
        let engine = Some(engine);
        found.push((
            "ISOLATE_ENGINE",
            Config {
                engine,
                ..Config::default()
            },
        ));
    }
    if let Some(image) = set("ISOLATE_IMAGE") {
        let docker = DockerConfig {
            default_image: Some(image),
            ..DockerConfig::default()
        };
        found.push((
            "ISOLATE_IMAGE",
            Config {
                docker,
                ..Config::default()
            },
        ));
    }
    if let Some(level) = set("ISOLATE_REQUIRE") {
        let require = level
            .parse()
            .map_err(|error: Error| error.during("use the environment variable", "ISOLATE_REQUIRE"))?;
        let require = Some(require);
        found.push((
            "ISOLATE_REQUIRE",
            Config {
                require,
                ..Config::default()
            },
        ));
    }
    for (name, config) in &found {
        let valid = config.validate();
        valid.map_err(|error| error.during("use the environment variable", name))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new(files: &[(&str, &str)]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                let path = place.at(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            place
        }

        fn at(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        /// The settings in `project/deep`, with the user's directory `user`.
        fn find(&self, file: Option<&str>, variables: &[(&str, &str)]) -> Result<Settings> {
            let here = self.at("project/deep");
            std::fs::create_dir_all(&here).unwrap();
            let user = if cfg!(windows) {
                "APPDATA"
            } else {
                "XDG_CONFIG_HOME"
            };
            let env = |name: &str| match variables.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => Some((*value).to_owned()),
                None if name == user => Some(self.at("user").to_str().unwrap().to_owned()),
                None => None,
            };
            let file = file.map(|file| self.at(file));
            Settings::find(file.as_deref(), &here, &env)
        }
    }

    fn source(settings: &Settings, key: &str) -> (Value, Source) {
        let all = settings.explain();
        let one = all.into_iter().find(|setting| setting.key == key).unwrap();
        (one.value, one.source)
    }

    #[test]
    fn strongest_source_counts_for_each_value() {
        let place = Place::new(&[
            (
                "user/isolate/config.json",
                r#"{"engine": "a", "timeout": 7, "docker": {"pull": "never"}}"#,
            ),
            ("isolate.json", "broken, but another one is nearer"),
            (
                "project/isolate.json",
                r#"{"engine": "b", "docker": {"default_image": "b"}}"#,
            ),
        ]);
        let settings = place
            .find(None, &[("ISOLATE_ENGINE", "c"), ("ISOLATE_IMAGE", "")])
            .unwrap();
        let project = Source::File(place.at("project/isolate.json"));
        let user = Source::File(place.at("user/isolate/config.json"));
        let variable = Source::Variable("ISOLATE_ENGINE".into());
        assert_eq!(source(&settings, "engine"), ("c".into(), variable));
        assert_eq!(source(&settings, "docker.default_image"), ("b".into(), project));
        assert_eq!(source(&settings, "docker.pull"), ("never".into(), user));
        assert_eq!(source(&settings, "require"), (Value::Null, Source::Default));
        let config = settings.config();
        assert_eq!(
            (config.engine.as_deref(), config.timeout.unwrap().as_secs()),
            (Some("c"), 7)
        );
        let option = Config {
            engine: Some("d".into()),
            ..Config::default()
        };
        let settings = settings.with(Source::Option("--engine".into()), option);
        assert_eq!(settings.config().engine.as_deref(), Some("d"));
        assert_eq!(source(&settings, "engine").1.to_string(), "option --engine");
        // The values in effect are the explained ones.
        let config = serde_json::json!(settings.config());
        for one in settings.explain() {
            assert_eq!(
                keys::value(&config, one.key).cloned().unwrap_or_default(),
                one.value
            );
        }
    }

    #[test]
    fn named_file_replaces_those_that_would_be_found() {
        let place = Place::new(&[
            ("user/isolate/config.json", r#"{"timeout": 7}"#),
            ("project/isolate.json", "broken"),
            ("named.json", "\u{feff}{\"engine\": \"basic\"}"),
        ]);
        for settings in [
            place.find(Some("named.json"), &[]).unwrap(),
            place
                .find(
                    None,
                    &[("ISOLATE_CONFIG", place.at("named.json").to_str().unwrap())],
                )
                .unwrap(),
        ] {
            assert_eq!(settings.config().engine.as_deref(), Some("basic"));
            assert_eq!(settings.config().timeout, None);
        }
        let error = place.find(Some("no.json"), &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no.json"), "{error}");
        let error = place.find(None, &[]).unwrap_err().to_string();
        assert!(
            error.contains("isolate.json") && error.contains("line 1"),
            "{error}"
        );
    }

    #[test]
    fn daemon_of_the_environment_replaces_that_of_a_file() {
        let place = Place::new(&[("named.json", r#"{"docker": {"docker_host": "unix:///file"}}"#)]);
        let host = |variables: &[(&str, &str)]| {
            let settings = place.find(Some("named.json"), variables).unwrap();
            (
                settings.config().docker.docker_host,
                source(&settings, "docker.docker_host").0,
            )
        };
        assert_eq!(host(&[]), (Some("unix:///file".into()), "unix:///file".into()));
        let secret = [
            ("DOCKER_HOST", "tcp://user:hunter2@host"),
            ("DOCKER_CONTEXT", "remote"),
        ];
        assert_eq!(host(&secret), (None, "tcp://user:***@host".into()));
        assert_eq!(
            host(&[("DOCKER_CONTEXT", "remote")]),
            (None, "of the context remote".into())
        );
        let settings = place.find(Some("named.json"), &secret).unwrap();
        assert!(!format!("{:?}", settings.explain()).contains("hunter2"));
    }

    #[test]
    fn invalid_variable_is_named() {
        let place = Place::new(&[("named.json", "{}")]);
        for name in ["ISOLATE_ENGINE", "ISOLATE_IMAGE", "ISOLATE_REQUIRE"] {
            let error = place.find(Some("named.json"), &[(name, " ")]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
