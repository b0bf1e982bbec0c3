//! The name of an environment, which can change.

use std::fmt;
use std::sync::OnceLock;

/// A name and its later names. The list only grows, so that [`current`](Self::current) can be
/// borrowed.
#[derive(Default)]
pub(crate) struct Name {
    text: String,
    next: OnceLock<Box<Name>>,
}

impl Name {
    fn last(&self) -> &Self {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        last
    }

    /// The current name.
    pub(crate) fn current(&self) -> &str {
        &self.last().text
    }

    /// Changes the name; returns whether it differs from the old one.
    pub(crate) fn change(&self, name: &str) -> bool {
        loop {
            let last = self.last();
            if last.text == name {
                return false;
            }
            // Another thread may have changed it at the same time.
            if last.next.set(Box::new(name.to_owned().into())).is_ok() {
                return true;
            }
        }
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        let next = OnceLock::new();
        Self { text, next }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_the_last_one() {
        let name = Name::from("a".to_owned());
        let first = name.current();
        assert!(name.change("b") && !name.change("b") && name.change("a"));
        assert_eq!((first, name.current()), ("a", "a"));
        std::thread::scope(|scope| {
            for at in 0..8 {
                let name = &name;
                scope.spawn(move || assert!(name.change(&format!("n{at}"))));
            }
        });
        assert!(name.current().starts_with('n'), "{name:?}");
    }
}
