//! Numbers with their nouns.

use std::fmt::Display;

/// A number with its noun: `1 package`, `2 packages`.
///
/// ```
/// use isolation::counted;
///
/// assert_eq!(counted(1, "entry", "entries"), "1 entry");
/// assert_eq!(counted(0, "entry", "entries"), "0 entries");
/// ```
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

/// Names after their noun: `variable A`, `variables A, B`.
pub(crate) fn listed(names: &[String], one: &str, many: &str) -> String {
    let noun = if names.len() == 1 { one } else { many };
    format!("{noun} {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noun_of_one_name_is_singular() {
        let names = ["A".to_owned(), "B".to_owned()];
        assert_eq!(listed(&names, "variable", "variables"), "variables A, B");
        assert_eq!(listed(&names[..1], "variable", "variables"), "variable A");
    }
}
