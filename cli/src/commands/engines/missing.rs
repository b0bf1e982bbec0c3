//! The features that an engine does not support, and why.

use isolation::{Capabilities, Feature};

use crate::escape;

/// Why an engine does not support some of the features: a line for each reason.
pub(super) fn missing(
    name: &str,
    capabilities: &Capabilities,
    features: impl Iterator<Item = Feature>,
) -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for feature in features {
        let Some(reason) = capabilities.reason(feature) else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, features)) => features.push(feature.to_string()),
            None => reasons.push((reason, vec![feature.to_string()])),
        }
    }
    let line = |(reason, features): (&str, Vec<String>)| {
        let (features, reason) = (features.join(", "), escape::line(reason));
        format!("{name} does not support {features}: {reason}\n")
    };
    reasons.into_iter().map(line).collect()
}
