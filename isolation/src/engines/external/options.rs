//! The options of an engine are stored under its name here, and under another name in the other
//! program.

use crate::spec::EnvironmentSpec;

/// The specification for the program. It ignores options of other engines.
pub(super) fn outgoing(spec: &EnvironmentSpec, name: &str, offered: &str) -> EnvironmentSpec {
    let mut spec = spec.clone();
    let ours = spec.engine_options.remove(name);
    spec.engine_options.clear();
    spec.engine_options
        .extend(ours.map(|options| (offered.to_owned(), options)));
    spec
}

/// The specification for this process.
pub(super) fn incoming(spec: &mut EnvironmentSpec, name: &str, offered: &str) {
    if let Some(ours) = spec.engine_options.remove(offered) {
        spec.engine_options.insert(name.to_owned(), ours);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_have_the_name_of_each_side() {
        let options = [
            ("jail".to_owned(), json!({"a": 1})),
            ("docker".to_owned(), json!({"init": false})),
        ];
        let spec = EnvironmentSpec {
            engine_options: options.into(),
            ..EnvironmentSpec::default()
        };
        let mut there = outgoing(&spec, "jail", "docker");
        assert_eq!(json!(there.engine_options), json!({"docker": {"a": 1}}));
        incoming(&mut there, "jail", "docker");
        assert_eq!(json!(there.engine_options), json!({"jail": {"a": 1}}));
    }
}
