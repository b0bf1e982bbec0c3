//! The options of the engine in a specification.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::NAME;
use super::request::PythonRequest;
use crate::error::{Error, Result};
use crate::spec::EnvironmentSpec;

/// The options of the engine `virtualenv` in a specification.
///
/// ```
/// use isolation::EnvironmentSpec;
/// use isolation::engines::virtualenv::VirtualenvOptions;
///
/// let options = VirtualenvOptions { python: Some("3.11".into()), ..VirtualenvOptions::default() };
/// let mut spec = EnvironmentSpec::default();
/// options.add_to(&mut spec);
/// assert_eq!(spec.engine_options["virtualenv"]["python"], "3.11");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VirtualenvOptions {
    /// The interpreter: see [`PythonRequest`]. By default the first Python 3 on the PATH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Whether the packages of the interpreter itself can be imported.
    pub system_site_packages: bool,
    /// Whether pip is left out, with which a creation copies some thousand files.
    pub without_pip: bool,
    /// Whether commands find the programs of the caller's PATH. By default they find those of the
    /// virtual environment and of the system, but no program of another Python.
    pub host_path: bool,
}

impl VirtualenvOptions {
    /// Puts the options into a specification.
    pub fn add_to(&self, spec: &mut EnvironmentSpec) {
        let mut options = serde_json::Map::new();
        if let Some(python) = &self.python {
            options.insert("python".to_owned(), python.as_str().into());
        }
        for (name, value) in [
            ("system_site_packages", self.system_site_packages),
            ("without_pip", self.without_pip),
            ("host_path", self.host_path),
        ] {
            if value {
                options.insert(name.to_owned(), true.into());
            }
        }
        spec.engine_options
            .insert(NAME.to_owned(), Value::Object(options));
    }

    /// Reads the options of a specification.
    pub(super) fn of(spec: &EnvironmentSpec) -> Result<Self> {
        let Some(options) = spec.engine_options.get(NAME) else {
            return Ok(Self::default());
        };
        if !options.is_object() {
            return Err(Error::invalid(format!(
                "the options of the engine {NAME} must be a JSON object"
            )));
        }
        let read = Self::deserialize(options);
        read.map_err(|error| Error::invalid(format!("the options of the engine {NAME} are invalid: {error}")))
    }

    pub(super) fn request(&self) -> Result<PythonRequest> {
        self.python
            .as_deref()
            .map_or_else(|| Ok(PythonRequest::default()), str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_or_invalid_option_is_an_error() {
        for (options, why) in [
            (json!({"pyhton": "3"}), "unknown field `pyhton`"),
            (json!({"host_path": "yes"}), "expected a boolean"),
            (json!(3), "must be a JSON object"),
            (json!([true]), "must be a JSON object"),
        ] {
            let mut spec = EnvironmentSpec::default();
            spec.engine_options.insert(NAME.to_owned(), options);
            let error = VirtualenvOptions::of(&spec).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        let bad = VirtualenvOptions {
            python: Some("three".into()),
            ..VirtualenvOptions::default()
        };
        bad.request().unwrap_err();
    }
}
