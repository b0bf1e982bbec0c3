//! Tests of addresses.

use super::address::{Address, without_secrets};
use crate::error::Result;

fn parse(text: &str) -> Result<Address> {
    text.parse()
}

#[test]
fn every_form_of_docker_host_is_read() {
    let tcp = |host: &str, port, base: &str| Address::Tcp {
        host: host.into(),
        port,
        base: base.into(),
    };
    assert_eq!(
        parse("unix:///run/d.sock").unwrap(),
        Address::Unix("/run/d.sock".into())
    );
    assert_eq!(parse("/run/d.sock").unwrap(), Address::Unix("/run/d.sock".into()));
    assert_eq!(
        parse("tcp://h:2375/base/path/").unwrap(),
        tcp("h", 2375, "/base/path")
    );
    assert_eq!(parse("http://1.2.3.4").unwrap(), tcp("1.2.3.4", 2375, ""));
    assert_eq!(parse("tcp://[::1]:99").unwrap(), tcp("::1", 99, ""));
    assert_eq!(parse("tcp://[::1]:99").unwrap().to_string(), "tcp://[::1]:99");
    assert_eq!(parse("localhost:2375").unwrap(), tcp("localhost", 2375, ""));
}

#[test]
fn an_invalid_address_is_an_error_with_a_hint() {
    for text in [
        "",
        " ",
        "unix://",
        "tcp://",
        "tcp://:1",
        "tcp://h:0",
        "tcp://h:99999",
        "tcp://h:1/a/../b",
        "tcp://u@h:1",
        "tcp://[::1",
        "fd://",
        "gopher://x",
        "tcp://h:1?q",
        "https://u@h:1",
        "ssh://",
        "ssh://@h",
        "ssh://u:secret@h",
        "ssh://u@h/a?b",
        "npipe://",
        "npipe:///pipe/x",
        "npipe:////./x",
        "npipe:////./pipe/",
        " unix:///x",
        "tcp://h\n:1",
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains("write unix://"), "{text:?}: {error}");
    }
    let long = format!("unix:///{}", "x".repeat(200));
    assert!(parse(&long).unwrap_err().to_string().contains("shorter path"));
}

#[test]
fn error_of_an_address_hides_its_secrets() {
    for text in [
        "tcp://u:s3cret@h:2375",
        "ssh://u:s3cret@h",
        "https://u:s3cret@h/base",
        "u:s3cret@h:2375",
        "u:s3/cret@h",
        "gopher://u:s3@cret@h",
        "tcp://h:2375?token=s3cret",
        "tcp://u:a?s3cret@h:2375",
        "tcp://u:s3?cret@h?cret",
        "https://h/?s3cret",
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(
            error.contains("***") && !error.contains("cret"),
            "{text}: {error}"
        );
    }
    assert_eq!(without_secrets("ssh://me@h/run/d.sock"), "ssh://me@h/run/d.sock");
}

#[test]
fn text_that_is_no_url_is_an_error_with_the_form() {
    for (text, words) in [
        ("unix:/d.sock", "write unix:///d.sock"),
        ("unix:d.sock", "write unix:///d.sock"),
        ("unix:", "`://` is missing"),
        ("UNIX:/d.sock", "write unix:///d.sock"),
        ("unix:/", "`://` is missing"),
        ("tcp:host:2375", "write tcp://host:2375"),
        ("tcp:/host:2375", "write tcp://host:2375"),
        ("http:host", "write http://host"),
        ("https:host:2376", "write https://host:2376"),
        ("ssh:me@host", "write ssh://me@host"),
        ("npipe:/./pipe/x", "write npipe://./pipe/x"),
        ("fd:3", "`://` is missing"),
        ("./d.sock", "must be absolute"),
        ("../d.sock", "must be absolute"),
        ("d.sock", "must be absolute"),
        ("run/docker.sock", "must be absolute"),
        ("var/run/docker", "must be absolute"),
        ("~/d.sock", "must be absolute"),
        ("$HOME/d.sock", "must be absolute"),
        ("..", "must be absolute"),
        (r".\d.sock", "must be absolute"),
        (r"\\.\pipe\docker_engine", "must be absolute"),
        ("unix://run/d.sock", "not absolute"),
        ("unix://d.sock", "not absolute"),
        ("unix://./d.sock", "not absolute"),
        ("unix://~/d.sock", "not absolute"),
        ("unix://$XDG_RUNTIME_DIR/d.sock", "not absolute"),
        ("UNIX:///d.sock", "the scheme \"UNIX\" is unknown"),
        ("file:///d.sock", "the scheme \"file\" is unknown"),
        ("tcp:///run/d.sock", "the host is missing"),
        ("host:+1", "invalid port"),
        ("host:-1", "invalid port"),
        ("tcp://host:65536", "invalid port"),
        ("tcp://::1:2375", "the host is missing"),
        ("C:\\d.sock", "must be absolute"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        let shown = error.to_string();
        assert!(
            shown.contains(words) && shown.contains("write unix://"),
            "{text:?}: {shown}"
        );
    }
    for (text, address) in [
        ("build-host", "tcp://build-host:2375"),
        ("127.0.0.1", "tcp://127.0.0.1:2375"),
        ("host:1/base", "tcp://host:1/base"),
        ("my.sock.net", "tcp://my.sock.net:2375"),
        ("d.sock:2375", "tcp://d.sock:2375"),
        ("[::1]:2375", "tcp://[::1]:2375"),
        ("[::1]", "tcp://[::1]:2375"),
        ("unix:////d.sock", "unix:////d.sock"),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), address);
    }
}

#[test]
fn addresses_are_written_as_they_are_read() {
    for (text, written) in [
        ("https://h", "https://h:2376"),
        ("https://[::1]:1/base/", "https://[::1]:1/base"),
        ("ssh://me@h:22/run/d.sock", "ssh://me@h:22/run/d.sock"),
        ("ssh://h", "ssh://h"),
        ("npipe:////./pipe/docker_engine", "npipe:////./pipe/docker_engine"),
        (r"npipe://\\box\pipe\a/b", "npipe:////box/pipe/a/b"),
    ] {
        let address = parse(text).unwrap();
        assert_eq!(address.to_string(), written);
        assert_eq!(parse(written).unwrap(), address);
    }
}
