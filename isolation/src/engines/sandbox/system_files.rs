//! The files in `/etc` that the engine writes in every environment.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

use super::internet;
use super::sandboxed::Sandboxed;
use crate::error::Result;
use crate::files::copy::{self, Place};
use crate::spec::network::NetworkSpec;

impl Sandboxed {
    /// Their names in `/etc`, and their texts.
    pub(super) fn system_files(&self) -> Result<[(&'static str, String); 3]> {
        let here = || fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let resolver = match self.uses_host_network()? {
            true => here(),
            false if self.layout.has_internet() => internet::resolver(&here()),
            // Without a network, a program that looks up a name must not wait for long.
            false => "options timeout:1 attempts:1\n".to_owned(),
        };
        Ok([
            ("hostname", format!("{}\n", self.hostname())),
            ("hosts", self.hosts(&BTreeSet::new())),
            ("resolv.conf", resolver),
        ])
    }

    /// The file `/etc/hosts`, with these names of environments in the same network.
    pub(super) fn hosts(&self, names: &BTreeSet<String>) -> String {
        hosts(self.hostname(), &self.spec().network, names)
    }

    /// Writes files in `/etc` of the running environment.
    pub(super) fn write_in_etc<const COUNT: usize>(
        &self,
        files: [(&'static str, String); COUNT],
    ) -> Result<()> {
        self.inside(|| {
            for (name, text) in files {
                let place = self.place_in(self.process(), "/etc", true)?;
                place.make_directory()?;
                let directory = place.into_directory()?;
                // The file of the image may be a link, which is replaced.
                copy::write_file(text.as_bytes(), 0o644, &Place::new(directory, name.into()))?;
            }
            Ok(())
        })
    }
}

fn hosts(hostname: &str, network: &NetworkSpec, names: &BTreeSet<String>) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost\n");
    let given = network.hosts.iter().map(|(name, address)| (*address, name));
    let shared = names.iter().map(|name| (IpAddr::from(Ipv4Addr::LOCALHOST), name));
    for (address, name) in given.chain(shared) {
        text.push_str(&format!("{address}\t{name}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_the_given_names() {
        let network = NetworkSpec {
            hosts: [("db".to_owned(), IpAddr::from([10, 0, 0, 7]))].into(),
            ..NetworkSpec::default()
        };
        let text = hosts("box", &network, &BTreeSet::new());
        assert_eq!(text, "127.0.0.1\tlocalhost box\n::1\tlocalhost\n10.0.0.7\tdb\n");
        let shared = hosts("box", &NetworkSpec::default(), &["web".to_owned()].into());
        assert_eq!(
            shared,
            "127.0.0.1\tlocalhost box\n::1\tlocalhost\n127.0.0.1\tweb\n"
        );
    }
}
