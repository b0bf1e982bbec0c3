//! Certificates, keys and the meaning of errors.

use super::*;

#[test]
fn an_error_about_certificates_hides_the_key() {
    let refused = |config: TlsConfig| TlsConnector::new("h", 1, &config).unwrap_err().to_string();
    let cert = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec();
    let key = b"-----BEGIN s3cret-----\ns3cret".to_vec();
    let config = TlsConfig {
        skip_verify: true,
        ..TlsConfig::default()
    };
    assert!(
        refused(TlsConfig {
            cert: cert.clone(),
            ..config.clone()
        })
        .contains("no key")
    );
    assert!(
        refused(TlsConfig {
            key: key.clone(),
            ..config.clone()
        })
        .contains("no certificate")
    );
    let both = TlsConfig { cert, key, ..config };
    assert!(!format!("{both:?} {}", refused(both.clone())).contains("s3cret"));
    let ca = TlsConfig {
        ca: b"x".to_vec(),
        ..TlsConfig::default()
    };
    assert!(refused(ca).contains("ca.pem contains no certificate"));
}

#[test]
fn variables_of_tls_name_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.pem"), "authority").unwrap();
    let path = directory.path().to_str().unwrap();
    let of = |variables: &[(&str, &str)]| {
        let variables: Vec<_> = variables
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        TlsConfig::of_variables(&move |name| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        })
    };
    assert!(of(&[]).unwrap().is_none());
    let both = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", path)];
    let config = of(&both).unwrap().unwrap();
    assert_eq!((&config.ca[..], config.skip_verify), (&b"authority"[..], false));
    assert!(of(&both[1..]).unwrap().unwrap().skip_verify);
    let missing = of(&[("DOCKER_CERT_PATH", "/no/such/directory")]).unwrap_err();
    assert!(missing.to_string().contains("/no/such/directory"), "{missing}");
    let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let variables = ["DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"];
    if !variables.iter().any(set) {
        assert!(TlsConfig::from_env().unwrap().is_none());
    }
}

#[test]
fn certificate_errors_have_a_meaning() {
    let shown = |error: Tls| explained(io::Error::other(error)).to_string();
    for (error, words) in [
        (
            CertificateError::Expired,
            "the server's certificate is not valid (",
        ),
        (CertificateError::UnknownIssuer, "is it the right ca.pem? ("),
        (CertificateError::NotValidForName, "is for another name"),
    ] {
        let text = shown(Tls::InvalidCertificate(error));
        assert!(text.contains(words), "{text}");
    }
    let other = shown(Tls::HandshakeNotComplete);
    assert_eq!(other, Tls::HandshakeNotComplete.to_string());
}
