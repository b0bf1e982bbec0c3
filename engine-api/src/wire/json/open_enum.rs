//! Enums that keep unknown values.

/// Implements the conversions of an enum of texts whose last variant is `Other(String)`.
///
/// The enum itself is written by hand, with its documentation. The macro adds only the common trait
/// implementations: to and from text, `Display`, serde. A text without a variant becomes `Other`
/// and is written back unchanged. The default is `Other("")`, documented on each type: it is not
/// sent, so the engine applies its own default.
macro_rules! open_enum {
    ($name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl Default for $name {
            /// `Other("")`, the empty value: it is not sent, so the engine applies its own default.
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_ref())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_ref())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a text")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        Ok($name::from(text))
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    /// A state, for the test.
    #[derive(Debug, Clone, PartialEq)]
    enum State {
        Running,
        Other(String),
    }
    open_enum!(State { Running = "running" });

    #[test]
    fn an_unknown_value_survives_a_round_trip() {
        let states: Vec<State> = serde_json::from_str(r#"["running","hibernating",""]"#).unwrap();
        assert_eq!(
            states,
            [
                State::Running,
                State::Other("hibernating".into()),
                State::default()
            ]
        );
        assert_eq!(
            serde_json::to_string(&states).unwrap(),
            r#"["running","hibernating",""]"#
        );
    }
}
