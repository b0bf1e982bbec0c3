//! An engine behind a proxy that refuses a part of the API, as HAProxy with rules does.

use engine_api::{Docker, ErrorKind};
use fake_engine::scripted::{ScriptedEngine, reply};

use crate::support::{Subject, engines};

const FORBIDDEN: &str = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n\
                         </body></html>";

/// A client of the engine behind a proxy that passes on `GET`, except for the paths in `refused`.
fn behind_proxy(subject: &Subject, refused: &'static [&'static str]) -> Docker {
    let docker = subject.docker.clone();
    let proxy = ScriptedEngine::new(move |mut peer| {
        let docker = docker.clone();
        async move {
            while let Some(request) = peer.request().await? {
                let path = request.target.split('?').next().unwrap_or_default();
                let forbidden = request.method != "GET" || refused.iter().any(|end| path.ends_with(end));
                let mut answer = if forbidden {
                    reply(403, &["Content-Type: text/html"], FORBIDDEN)
                } else {
                    let passed = docker.raw("GET", &request.target).send().await.unwrap();
                    let status = passed.status;
                    let body = passed.body.collect().await.unwrap();
                    reply(status, &["Content-Type: application/json"], body)
                };
                if request.method == "HEAD" {
                    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
                    answer.truncate(end.map_or(0, |end| end + 4));
                }
                peer.write(answer).await?;
            }
            Ok(())
        }
    });
    Docker::with_connector(proxy)
}

#[tokio::test]
async fn engine_is_used_without_ping_and_version() {
    for subject in engines() {
        let name = &subject.name;
        let known = subject.docker.version().await.unwrap();
        for (refused, version) in [
            (&["/_ping"][..], known),
            (&["/_ping", "/version"], "1.41".parse().unwrap()),
        ] {
            let docker = behind_proxy(&subject, refused);
            assert_eq!(docker.version().await.unwrap(), version, "{name}");
            docker.containers().list(Default::default()).await.unwrap();
            let images = docker.images().list(Default::default()).await.unwrap();
            assert!(!images.is_empty(), "{name}");
            let missing = docker
                .containers()
                .inspect("no-such-container", Default::default())
                .await;
            assert!(missing.unwrap_err().is_not_found(), "{name}");
            let error = docker
                .containers()
                .start("x", Default::default())
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::Api, Some(403)),
                "{name}"
            );
            let text = error.to_string();
            assert!(
                text.contains("403 Forbidden Request forbidden by administrative rules.")
                    && !text.contains('<'),
                "{name}: {text}"
            );
        }
    }
}
