//! TLS with certificates on both sides. Errors distinguish a missing trust from a broken
//! connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use engine_api::connect::{BoxStream, Connecting, Connector, TlsConfig, TlsConnector};
use engine_api::error::TlsError;
use engine_api::exec::StartExec;
use engine_api::{Docker, ErrorKind, Hijacked};
use fake_engine::scripted::{MULTIPLEXED, ScriptedEngine, frame, reply, upgraded};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::authority::Authority;
use crate::support::{fails, healthy};

impl Authority {
    /// Trusts only this authority, and has no client certificate.
    fn trusted(&self) -> TlsConfig {
        let ca = self.certificate.pem().into();
        TlsConfig {
            ca,
            ..TlsConfig::default()
        }
    }

    /// Trusts only this authority, and has a client certificate of `other`.
    fn trusted_by(&self, other: &Self) -> TlsConfig {
        let (certificate, key) = other.issue("client");
        TlsConfig {
            cert: certificate.pem().into(),
            key: key.serialize_pem().into(),
            ..self.trusted()
        }
    }
}

/// Serves `fake` on a free port with a certificate for `name`, to clients with a certificate of
/// `authority`.
async fn serve(fake: &ScriptedEngine, authority: &Authority, name: &str) -> io::Result<u16> {
    serve_version(fake, authority, name, &[&TLS13, &TLS12]).await
}

/// Serves only these versions of TLS.
async fn serve_version(
    fake: &ScriptedEngine,
    authority: &Authority,
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<u16> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (certificate, key) = authority.issue(name);
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let fake = fake.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(relay(acceptor.clone(), stream, fake.clone()));
        }
    });
    Ok(port)
}

/// Sends and receives data, and closes both directions.
async fn relay(acceptor: TlsAcceptor, stream: TcpStream, fake: ScriptedEngine) -> io::Result<()> {
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = fake.connect().await?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside)
        .await
        .map(drop)
}

fn client(port: u16, config: &TlsConfig) -> Docker {
    Docker::with_connector(TlsConnector::new("127.0.0.1", port, config).unwrap())
}

#[tokio::test]
async fn mutual_tls_connects() {
    let authority = Authority::new("ours");
    let port = serve(&healthy(), &authority, "127.0.0.1").await.unwrap();
    let docker = client(port, &authority.trusted_by(&authority));
    docker.system().ping().await.unwrap();
    assert_eq!(docker.version().await.unwrap().to_string(), "1.51");
    assert_eq!(docker.address(), format!("https://127.0.0.1:{port}"));
}

#[tokio::test]
async fn certificate_directory_is_read_as_docker_does() {
    let authority = Authority::new("ours");
    let config = authority.trusted_by(&authority);
    let port = serve(&healthy(), &authority, "127.0.0.1").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("ca", &config.ca), ("cert", &config.cert), ("key", &config.key)] {
        std::fs::write(directory.path().join(format!("{name}.pem")), text).unwrap();
    }
    let read = TlsConfig::from_directory(directory.path()).unwrap();
    assert!(!format!("{read:?}").contains("PRIVATE"));
    client(port, &read).system().ping().await.unwrap();
    fails(
        TlsConfig::from_directory(directory.path().join("none")),
        ErrorKind::InvalidInput,
    );
}

#[tokio::test]
async fn older_tls_connects_with_and_without_verification() {
    let authority = Authority::new("ours");
    let trusted = authority.trusted_by(&authority);
    let blind = TlsConfig {
        ca: Vec::new(),
        skip_verify: true,
        ..trusted.clone()
    };
    let port = serve_version(&healthy(), &authority, "127.0.0.1", &[&TLS12])
        .await
        .unwrap();
    for config in [trusted, blind] {
        client(port, &config).system().ping().await.unwrap();
    }
}

#[test]
fn key_of_another_certificate_is_an_error() {
    let authority = Authority::new("ours");
    let (config, other) = (authority.trusted_by(&authority), authority.trusted_by(&authority));
    let mixed = TlsConfig {
        key: other.key,
        ..config
    };
    let error = TlsConnector::new("h", 1, &mixed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(
        text.contains("the certificate and its key cannot be used"),
        "{text}"
    );
}

/// The error of a connection that is not trusted.
async fn distrust(port: u16, config: &TlsConfig) -> String {
    let outcome = client(port, config).system().ping().await;
    fails(outcome, ErrorKind::TlsError).to_string()
}

#[tokio::test]
async fn unknown_authority_is_rejected() {
    let (ours, strange) = (Authority::new("ours"), Authority::new("strange"));
    let fake = healthy();
    let port = serve(&fake, &strange, "127.0.0.1").await.unwrap();
    let config = ours.trusted_by(&strange);
    // An authority with the right name but another key is not trusted either.
    for config in [config.clone(), Authority::new("strange").trusted_by(&strange)] {
        let text = distrust(port, &config).await;
        assert!(text.contains("the right ca.pem?"), "{text}");
    }
    assert!(fake.requests().is_empty());
    // Without verification the connection succeeds, and the client still shows its certificate.
    let blind = TlsConfig {
        skip_verify: true,
        ..config
    };
    client(port, &blind).system().ping().await.unwrap();
}

#[tokio::test]
async fn certificate_of_another_name_is_rejected() {
    let authority = Authority::new("ours");
    let port = serve(&healthy(), &authority, "elsewhere").await.unwrap();
    let text = distrust(port, &authority.trusted_by(&authority)).await;
    assert!(text.contains("for another name"), "{text}");
}

#[tokio::test]
async fn rejected_client_certificate_is_reported() {
    let (authority, strange) = (Authority::new("ours"), Authority::new("strange"));
    let port = serve(&healthy(), &authority, "127.0.0.1").await.unwrap();
    let text = distrust(port, &authority.trusted()).await;
    assert!(text.contains("requires a client certificate"), "{text}");
    // An authority with the right name but another key is not trusted either.
    for other in [strange, Authority::new("ours")] {
        let text = distrust(port, &authority.trusted_by(&other)).await;
        assert!(text.contains("rejects the client certificate"), "{text}");
    }
}

/// An engine whose alert about the certificate arrives before the request is sent.
#[derive(Debug)]
pub(crate) struct EarlyAlert;

impl AsyncRead for EarlyAlert {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other(TlsError::new("rejected"))))
    }
}

impl AsyncWrite for EarlyAlert {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Connector for EarlyAlert {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async { Ok(Box::new(Self) as BoxStream) })
    }
    fn address(&self) -> String {
        "test://alert".into()
    }
}

#[tokio::test]
async fn alert_before_the_request_is_reported() {
    let outcome = Docker::with_connector(EarlyAlert).system().ping().await;
    let text = fails(outcome, ErrorKind::TlsError).to_string();
    assert!(text.contains("rejected"), "{text}");
}

#[tokio::test]
async fn missing_tls_and_untrusted_engine_differ() {
    let fake =
        ScriptedEngine::new(|mut peer| async move { peer.write("HTTP/1.0 400 Bad Request\r\n\r\n").await });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut outside, _) = listener.accept().await?;
        let mut inside = fake.connect().await?;
        tokio::io::copy_bidirectional(&mut outside, &mut inside).await
    });
    let outcome = client(port, &Authority::new("ours").trusted())
        .system()
        .ping()
        .await;
    let text = format!("{:#}", fails(outcome, ErrorKind::Unreachable));
    assert!(text.contains("does not use TLS"), "{text}");
}

#[tokio::test]
async fn plain_request_to_a_tls_port_names_the_variable() {
    let authority = Authority::new("ours");
    let port = serve(&healthy(), &authority, "127.0.0.1").await.unwrap();
    let plain = Docker::tcp("127.0.0.1", port);
    for outcome in [
        plain.system().ping().await.map(drop),
        plain.version().await.map(drop),
        plain.containers().list(Default::default()).await.map(drop),
    ] {
        let text = fails(outcome, ErrorKind::TlsError).to_string();
        assert!(
            text.contains("DOCKER_TLS_VERIFY=1") && text.contains("DOCKER_CERT_PATH"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn servers_that_expect_tls_are_known_by_their_words() {
    let words = [
        // Go, in all engines.
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
        "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ];
    for words in words {
        for status in [400, 500] {
            let fake = ScriptedEngine::answering(move |_| reply(status, &[], words));
            let error = fake.docker().version().await.unwrap_err();
            assert_eq!(error.kind() == ErrorKind::TlsError, status == 400, "{error}");
        }
    }
}

#[tokio::test]
async fn alert_inside_a_reply_is_no_sign_of_tls() {
    let fake = ScriptedEngine::answering(|_| b"\x16\x03\x01".to_vec());
    fails(fake.docker().version().await, ErrorKind::Protocol);
    let fake = ScriptedEngine::answering(|request| match request.method.as_str() {
        "HEAD" => reply(200, &["Api-Version: 1.51"], ""),
        _ => b"\x15\x03\x01".to_vec(),
    });
    let docker = fake.docker();
    fails(docker.system().info().await, ErrorKind::Protocol);
}

#[tokio::test]
async fn output_continues_after_the_input_is_closed() {
    let authority = Authority::new("ours");
    let fake = ScriptedEngine::new(|mut peer| async move {
        peer.request().await?;
        peer.write(upgraded(&[MULTIPLEXED])).await?;
        let input = peer.to_end().await?;
        for piece in input.chunks(30_000) {
            peer.write(frame(1, piece)).await?;
        }
        Ok(())
    });
    let port = serve(&fake, &authority, "127.0.0.1").await.unwrap();
    let docker = client(port, &authority.trusted_by(&authority)).with_version("1.51".parse().unwrap());
    let started = docker.execs().start("e1", StartExec::default()).await;
    let Hijacked {
        mut input, output, ..
    } = started.unwrap();
    let sent: Vec<u8> = (0..1024 * 1024).map(|n| (n % 251) as u8).collect();
    input.write(&sent).await.unwrap();
    input.close().await.unwrap();
    let (out, _) = output.collect().await.unwrap();
    assert!(out == sent, "{} bytes came back", out.len());
}
