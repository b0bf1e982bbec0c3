//! URLs for an engine, with hidden secrets.

use std::fmt;

/// A URL for `Debug`, without its user, password or token.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = match self.0.split_once("://") {
            Some((scheme, rest)) => (format!("{scheme}://"), rest),
            None => (String::new(), self.0),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => write!(f, "{:?}", format!("{scheme}***@{host}{path}")),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::{BuildContext, ImportImage};

    #[test]
    fn url_in_debug_hides_user_and_password() {
        for (url, shown) in [
            (
                "https://me:hunter2@example.org/a.git#main",
                "https://***@example.org/a.git#main",
            ),
            ("https://hunter2@example.org", "https://***@example.org"),
            ("https://me:hunter@2@example.org?x", "https://***@example.org?x"),
            ("git@example.org:a.git", "***@example.org:a.git"),
            ("https://example.org/a@b.tar", "https://example.org/a@b.tar"),
            ("example.org/a@b.git", "example.org/a@b.git"),
        ] {
            assert_eq!(format!("{:?}", Shown(url)), format!("{shown:?}"));
        }
    }

    #[test]
    fn context_and_import_hide_passwords_of_urls() {
        let url = "https://me:hunter2@example.org/a.tar";
        let import = ImportImage {
            from: Some(url.into()),
            ..Default::default()
        };
        let shown = format!("{import:?} {:?}", BuildContext::remote(url));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(
            shown.matches("https://***@example.org/a.tar").count(),
            2,
            "{shown}"
        );
    }
}
