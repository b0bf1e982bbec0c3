//! Numbers as JSON writes them.

use serde::de::Visitor;

use super::read_error::{Read, ReadError};

/// A number: an integer if it has the form of one and fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Positive(u64),
    Negative(i64),
    Float(f64),
}

impl Number {
    /// The length of the number at the start of `text`.
    pub(super) fn length(text: &str) -> Read<usize> {
        Self::scan(text).map(|(_whole, end)| end)
    }

    /// The end of the first digits of the number at the start of `text`, and the end of the number.
    fn scan(text: &str) -> Read<(usize, usize)> {
        let bytes = text.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let start = usize::from(bytes.first() == Some(&b'-'));
        let whole = digits(start);
        if whole == 0 {
            return Err(ReadError::new("expected value"));
        }
        let mut end = start + whole;
        let mut valid = whole == 1 || bytes[start] != b'0';
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            valid &= fraction > 0;
            end += 1 + fraction;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            valid &= exponent > 0;
            end += 1 + sign + exponent;
        }
        if !valid {
            return Err(ReadError::new("invalid number"));
        }
        Ok((start + whole, end))
    }

    /// The number at the start of `text`, and its length.
    pub(super) fn parse(text: &str) -> Read<(Self, usize)> {
        let (whole, end) = Self::scan(text)?;
        let integer = match end == whole {
            true => integer(&text.as_bytes()[..end]),
            false => None,
        };
        let number = match integer {
            Some(integer) => integer,
            None => Self::Float(float(&text[..end])?),
        };
        Ok((number, end))
    }

    /// As an integer, if the number with a fraction or an exponent is whole.
    pub(super) fn whole(self) -> Self {
        // Both bounds are powers of two, so they are exact, and no cast saturates.
        const END_OF_I64: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Float(number) if number.fract() != 0.0 => self,
            Self::Float(number) if (-END_OF_I64..0.0).contains(&number) => Self::Negative(number as i64),
            Self::Float(number) if (0.0..2.0 * END_OF_I64).contains(&number) => Self::Positive(number as u64),
            number => number,
        }
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self {
            Self::Positive(number) => visitor.visit_u64(number),
            Self::Negative(number) => visitor.visit_i64(number),
            Self::Float(number) => visitor.visit_f64(number),
        }
    }
}

/// An integer that fits; `None` for `-0`, which only a float can represent.
fn integer(text: &[u8]) -> Option<Number> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let mut number: u64 = 0;
    for digit in digits {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    match negative {
        false => Some(Number::Positive(number)),
        true if number == 0 => None,
        true => 0_i64.checked_sub_unsigned(number).map(Number::Negative),
    }
}

fn float(text: &str) -> Read<f64> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(ReadError::new("number out of range")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn integers_are_exact_up_to_their_bounds() {
        let parse = |text: &str| Number::parse(text).unwrap();
        assert_eq!(parse("18446744073709551615,").0, Number::Positive(u64::MAX));
        assert_eq!(parse("-9223372036854775808").0, Number::Negative(i64::MIN));
        assert_eq!(parse("18446744073709551616").0, Number::Float(2_f64.powi(64)));
        assert_eq!(parse("-9223372036854775809").0, Number::Float(-(2_f64.powi(63))));
        assert_eq!(parse("-0").0, Number::Float(-0.0));
        assert_eq!(parse("1e3]"), (Number::Float(1000.0), 3));
    }

    proptest! {
        #[test]
        fn every_text_is_a_number_exactly_if_json_has_it(text in "-?[0-9]{0,22}(\\.[0-9]{0,5})?([eE][+-]?[0-9]{0,3})?") {
            let ours = Number::parse(&text).ok().filter(|(_, length)| *length == text.len());
            let theirs: Option<Value> = serde_json::from_str(&text).ok();
            prop_assert_eq!(ours.is_some(), theirs.is_some());
            if let Some((Number::Positive(number), _)) = ours {
                prop_assert_eq!(theirs.and_then(|value| value.as_u64()), Some(number));
            } else if let Some((Number::Negative(number), _)) = ours {
                prop_assert_eq!(theirs.and_then(|value| value.as_i64()), Some(number));
            } else if let Some((Number::Float(number), _)) = ours {
                prop_assert_eq!(text.parse(), Ok(number));
            }
        }
    }
}
