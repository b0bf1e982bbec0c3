//! Removes secrets from the contents of a bundle.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::packages::without_credentials;
use crate::spec::EnvironmentSpec;
use crate::spec::main_process::Main;

/// A shorter value may occur in other texts by chance.
const SHORTEST: usize = 6;

/// The replacement of a value.
const HIDDEN: &str = "***";

/// The keys whose values may be secret, in a specification.
const SECTIONS: [&str; 3] = ["env", "labels", "args"];

/// Replaces the values of environment variables and labels, and the credentials of addresses,
/// wherever they occur.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// The longest first: a value may contain another.
    secrets: Vec<String>,
    /// `NAME=value` of variables with short values, which are hidden only there.
    pairs: BTreeSet<String>,
}

impl Redactor {
    /// A redactor for the values of a specification and of its commands.
    pub(super) fn of(spec: &EnvironmentSpec, commands: &[String]) -> Self {
        let of_main = match &spec.main {
            Main::Command(command) => Some(&command.env),
            Main::Idle | Main::Image | Main::Arguments(_) => None,
        };
        let of_check = spec.health.as_ref().and_then(|health| health.check.as_ref());
        let maps = [
            Some(&spec.env),
            of_main,
            of_check.map(|check| &check.env),
            spec.build.as_ref().map(|build| &build.args),
        ];
        let mut redactor = Self::default();
        for (name, value) in maps.into_iter().flatten().flatten() {
            redactor.add(value);
            if !value.is_empty() {
                redactor.pairs.insert(format!("{name}={value}"));
            }
        }
        let values = spec.labels.values().chain(commands);
        values.for_each(|value| redactor.add(value));
        for options in spec.engine_options.values() {
            redactor.add_all(options, false);
        }
        redactor
            .secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        redactor.secrets.dedup();
        redactor
    }

    fn add(&mut self, value: &str) {
        // A value of several lines is printed line by line.
        for line in std::iter::once(value).chain(value.lines()) {
            if line.trim().len() >= SHORTEST {
                self.secrets.push(line.trim().to_owned());
            }
        }
    }

    /// Adds the texts below keys whose values may be secret.
    fn add_all(&mut self, value: &Value, secret: bool) {
        match value {
            Value::String(text) if secret => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item, secret)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    self.add_all(
                        value,
                        secret || SECTIONS.iter().any(|section| key.contains(section)),
                    );
                }
            }
            _ => {}
        }
    }

    pub(super) fn text(&self, text: &str) -> String {
        let mut text = without_credentials(text);
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, HIDDEN);
            }
        }
        text
    }

    /// A variable without its value, as in the configuration of a container.
    fn pair(&self, text: &str) -> Option<String> {
        let (name, _) = text.split_once('=').filter(|_| self.pairs.contains(text))?;
        Some(format!("{name}={HIDDEN}"))
    }

    /// Replaces them in every text of a document.
    pub(super) fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.pair(text).unwrap_or_else(|| self.text(text)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(entries) => entries.values_mut().for_each(|value| self.json(value)),
            _ => {}
        }
    }
}

/// Replaces all texts below keys of a specification whose values may be secret.
pub(super) fn hide_values(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_values),
        Value::Object(entries) => {
            for (key, value) in entries {
                match SECTIONS.contains(&key.as_str()) {
                    true => hide_all(value),
                    false => hide_values(value),
                }
            }
        }
        _ => {}
    }
}

fn hide_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = HIDDEN.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(hide_all),
        Value::Object(entries) => entries.values_mut().for_each(hide_all),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_replaced_wherever_they_occur() {
        let spec = EnvironmentSpec {
            env: [
                ("TOKEN", "hunter2-token"),
                ("LONG", "first line\nhunter3-line"),
                ("DEBUG", "1"),
            ]
            .into(),
            labels: [("l".to_owned(), "label \"hunter4\"".to_owned())].into(),
            engine_options: [(
                "docker".to_owned(),
                json!({
                    "build": { "build_args": { "A": "hunter5-arg" } },
                    "steps": [{ "env": ["hunter8-step", 1] }],
                    "platform": "linux/amd64",
                }),
            )]
            .into(),
            ..EnvironmentSpec::default()
        };
        let redactor = Redactor::of(&spec, &["hunter6-command".to_owned()]);
        assert_eq!(redactor.text("is hunter6-command"), "is ***");
        assert_eq!(redactor.text("is hunter8-step"), "is ***");
        let mut proxy = json!({ "HttpProxy": "http://me:hunter7@proxy.test:3128" });
        redactor.json(&mut proxy);
        assert_eq!(proxy, json!({ "HttpProxy": "http://***@proxy.test:3128" }));
        let text = redactor.text("TOKEN=hunter2-token 1 first line hunter3-line hunter5-arg linux/amd64");
        assert_eq!(text, "TOKEN=*** 1 *** *** *** linux/amd64");
        let mut short = json!({ "Env": ["DEBUG=1", "DEBUG=12"] });
        redactor.json(&mut short);
        assert_eq!(short, json!({ "Env": ["DEBUG=***", "DEBUG=12"] }));
        let mut document = json!({ "a": ["label \"hunter4\"", 1], "hunter2-token": "hunter2-tokens" });
        redactor.json(&mut document);
        assert_eq!(document, json!({ "a": ["***", 1], "hunter2-token": "***s" }));
    }

    #[test]
    fn values_of_a_specification_are_hidden() {
        let mut spec = json!({
            "env": { "A": "x" }, "main": { "command": { "argv": ["sh"], "env": { "B": "y" } } },
            "labels": { "c": "z" }, "image": "app", "build": { "args": { "d": ["w", 1] } },
        });
        hide_values(&mut spec);
        assert_eq!(
            spec,
            json!({
                "env": { "A": "***" }, "main": { "command": { "argv": ["sh"], "env": { "B": "***" } } },
                "labels": { "c": "***" }, "image": "app", "build": { "args": { "d": ["***", 1] } },
            })
        );
    }
}
