//! A range of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::short::short;

/// A range of IP addresses: `172.20.0.0/16`.
///
/// ```
/// let subnet: isolation::Subnet = "172.20.0.0/16".parse().unwrap();
/// assert_eq!(subnet.length(), 16);
/// assert!("172.20.0.1/16".parse::<isolation::Subnet>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: IpAddr,
    length: u8,
}

impl Subnet {
    /// The range with this first address and prefix length.
    ///
    /// # Errors
    ///
    /// When the length is greater than that of an address, or the address has other bits.
    pub fn new(address: IpAddr, length: u8) -> Result<Self> {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        if length > longest {
            let why = format!("{address}/{length} is not a subnet: its length is at most {longest}");
            return Err(Error::invalid(why));
        }
        let first = first(address, length);
        if first != address {
            let why = format!("{address}/{length} is not the beginning of a subnet; write {first}/{length}");
            return Err(Error::invalid(why));
        }
        Ok(Self { address, length })
    }

    /// The first address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The prefix length.
    pub const fn length(&self) -> u8 {
        self.length
    }
}

/// The address with only its leading bits.
fn first(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

impl FromStr for Subnet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = text.split_once('/').and_then(|(address, length)| {
            let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            let length = digits.then(|| length.parse().ok()).flatten()?;
            Some((address.parse().ok()?, length))
        });
        let Some((address, length)) = parsed else {
            let why = format!(
                "{text:?} is not a subnet; write 172.20.0.0/16",
                text = short(text)
            );
            return Err(Error::invalid(why));
        };
        Self::new(address, length)
    }
}

impl TryFrom<String> for Subnet {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnet_is_read_and_written() {
        for text in [
            "172.20.0.0/16",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "10.1.2.3/32",
            "fd00::/64",
            "::/0",
        ] {
            let subnet: Subnet = text.parse().unwrap();
            assert_eq!(subnet.to_string(), text);
            assert_eq!(serde_json::to_string(&subnet).unwrap(), format!("{text:?}"));
        }
    }

    #[test]
    fn text_that_is_no_subnet_is_rejected() {
        for text in [
            "",
            "172.20.0.0",
            "172.20.0.0/",
            "172.20.0.0/+8",
            "172.20.0.0/x",
            "x/16",
            "1.2.3/8",
        ] {
            let error = text.parse::<Subnet>().unwrap_err().to_string();
            assert!(error.contains("write 172.20.0.0/16"), "{text}: {error}");
        }
        for (text, words) in [
            ("172.20.0.0/33", "at most 32"),
            ("fd00::/129", "at most 128"),
            ("172.20.0.1/16", "write 172.20.0.0/16"),
            ("fd00::1/64", "write fd00::/64"),
        ] {
            let error = text.parse::<Subnet>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
