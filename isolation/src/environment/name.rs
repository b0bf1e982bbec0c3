//! The name of an environment, which can change.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A name and its later names. The list only grows, so that [`current`](Self::current) can be
/// borrowed.
#[derive(Default)]
pub(crate) struct Name {
    text: String,
    next: OnceLock<Box<Name>>,
    /// How many later names the engine has reported.
    reported: Mutex<usize>,
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

/// Reports of an engine, which may be later than the calls that have caused them.
impl Name {
    /// The engine has reported a change of the name, in the order of the changes; returns whether
    /// the change is not known yet.
    pub(crate) fn reported(&self, name: &str) -> bool {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self;
        for _ in 0..=*reported {
            match known.next.get() {
                Some(next) => known = next,
                None => {
                    let is_new = self.change(name);
                    *reported = self.changes();
                    return is_new;
                }
            }
        }
        // This process has changed it later, if it is another name.
        let is_new = known.text != name;
        *reported += usize::from(!is_new);
        is_new
    }

    /// From now on, reports are about later changes.
    pub(crate) fn follow_reports(&self) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        *reported = self.changes();
    }

    fn changes(&self) -> usize {
        std::iter::successors(self.next.get(), |name| name.next.get()).count()
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
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

    #[test]
    fn late_report_of_a_change_changes_nothing() {
        let name = Name::from("a".to_owned());
        assert!(name.change("b") && name.change("c"));
        assert!(!name.reported("b") && !name.reported("c"));
        assert_eq!(name.current(), "c");
        assert!(name.reported("d"), "by another process");
        assert!(!name.change("d") && !name.reported("d"));
        // Another process renamed it before this one did.
        assert!(name.change("f") && name.reported("e") && !name.reported("f"));
        assert_eq!(name.current(), "f");
        // Nothing was reported for some time.
        assert!(name.change("g"));
        name.follow_reports();
        assert!(name.reported("h"));
        assert_eq!(name.current(), "h");
    }
}
