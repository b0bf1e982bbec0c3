//! The values of the environment variables of commands, which may be secrets.

use std::collections::VecDeque;
use std::fmt;

/// The number of values that are stored.
const VALUES: usize = 2000;

/// Values that must not be shown; `Debug` shows their number. The least recently used value is
/// dropped first.
#[derive(Default)]
pub(super) struct Hidden(VecDeque<String>);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hidden({})", self.0.len())
    }
}

impl Hidden {
    pub(super) fn add(&mut self, value: &str) {
        let known = self.0.iter().position(|one| one == value);
        let known = known.and_then(|at| self.0.remove(at));
        if self.0.len() == VALUES {
            self.0.pop_front();
        }
        self.0.push_back(known.unwrap_or_else(|| value.to_owned()));
    }

    pub(super) fn values(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_in_use_is_remembered_and_not_shown() {
        let mut hidden = Hidden::default();
        hidden.add("hunter2");
        for number in 0..VALUES {
            hidden.add(&number.to_string());
            hidden.add("hunter2");
        }
        let values = hidden.values();
        assert_eq!(values.len(), VALUES);
        assert_eq!(values.last().map(String::as_str), Some("hunter2"));
        assert!(!format!("{hidden:?}").contains("hunter2"));
    }
}
