//! Which files of a directory are sent to a build: the same that the docker command sends.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use engine_api::images::{BuildContext, BuildImage, Builder};
use engine_api::{Error, ErrorKind};
use fake_engine::scripted::{ScriptedEngine, ok};
use tests::dockerignore::Table;

/// The names in the archive that a build sends.
async fn sent(directory: &Path, builder: Builder) -> Result<BTreeSet<String>, Error> {
    let fake = ScriptedEngine::answering(|_| ok(r#"{"stream":"done"}"#));
    let docker = fake.client();
    let options = BuildImage {
        builder,
        ..Default::default()
    };
    let context = BuildContext::directory(directory);
    let progress = docker.images().build(context, options, None).await?;
    progress.last().await?;
    let requests = fake.received();
    let request = requests
        .iter()
        .find(|request| request.target.contains("/build"))
        .unwrap();
    let mut archive = tar::Archive::new(&request.body[..]);
    let entries = archive.entries().unwrap();
    Ok(entries
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect())
}

#[tokio::test]
async fn sent_files_are_those_of_the_docker_command() {
    let table = Table::read();
    assert!(table.paths.len() > 80 && table.cases.len() > 70);
    let directory = tempfile::tempdir().unwrap();
    table.create(directory.path(), "FROM scratch\nCOPY . /\n");
    for case in &table.cases {
        fs::write(directory.path().join(".dockerignore"), &case.ignore).unwrap();
        for builder in [Builder::Classic, Builder::BuildKit] {
            let about = format!("{:?} with {builder:?}", case.ignore);
            match (sent(directory.path(), builder).await, table.sent(case, builder)) {
                (Ok(sent), Some(mut expected)) => {
                    // buildx sends the Dockerfile apart from the context, in a session.
                    expected.insert("Dockerfile".to_owned());
                    let extra: Vec<_> = sent.difference(&expected).collect();
                    let missing: Vec<_> = expected.difference(&sent).collect();
                    assert!(
                        extra.is_empty() && missing.is_empty(),
                        "{about}: {extra:?} {missing:?}"
                    );
                }
                (Err(error), None) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{about}");
                    let text = error.to_string();
                    assert!(text.contains("line 1 of .dockerignore"), "{about}: {text}");
                }
                (sent, expected) => panic!("{about}: {sent:?} instead of {expected:?}"),
            }
        }
    }
}
