//! `ecr push`: an image of this machine's into the registry.

use wire::ecr::CreateRepositoryRequest;
use wire::local::{Failure, Hello, path};

use super::{Registry, docker};
use crate::args::ecr::Push;
use crate::end::Outcome;
use crate::print::Printer;
use crate::settings::Settings;

/// Pushes it, and says what it is called in the registry.
pub(super) async fn run(registry: &Registry, args: &Push, settings: &Settings, printer: &mut Printer) -> Outcome {
    let (name, tag) = destination(args.to.as_deref().unwrap_or(&args.image))?;
    let access = registry.access().await?;
    let hello: Hello = registry.client.get(path::HELLO).await?;
    let target = format!("{}/{name}:{tag}", access.host);
    let docker = docker::LoggedIn::new(&access, &hello.engine.endpoint)?;
    let named = args.image == target;
    if !named {
        docker.run(&["tag", &args.image, &target])?;
    }
    let pushed = send(registry, &docker, (&name, &target), printer).await;
    if !named {
        // The image keeps its own name; only the one that was made for the push goes.
        docker.run(&["rmi", "--no-prune", &target])?;
    }
    pushed?;
    let images = registry.images(&name).await?;
    let image = images.into_iter().find(|image| image.image_tags.iter().flatten().any(|known| *known == tag));
    let image = image.ok_or_else(|| Failure::environment(format!("{name}:{tag} was pushed and is not there")))?;
    printer.talk(&format!("pushed {name}:{tag}, {}", image.image_digest))?;
    if settings.json { Ok(printer.json(&image)?) } else { Ok(()) }
}

/// Makes the repository if it is not there, and pushes to it.
async fn send(registry: &Registry, docker: &docker::LoggedIn, (name, target): (&str, &str), printer: &mut Printer) -> Outcome {
    let repositories = registry.repositories().await?;
    if repositories.iter().all(|repository| repository.repository_name != name) {
        let request = CreateRepositoryRequest { repository_name: name.to_owned(), ..CreateRepositoryRequest::default() };
        let _: serde_json::Value = registry.ask("CreateRepository", &request).await?;
        printer.talk(&format!("repository {name} is made"))?;
    }
    printer.talk(&format!("pushing {target}"))?;
    docker.run(&["push", "--quiet", target])?;
    Ok(())
}

/// The repository and the tag that `users`, `users:v1`, or an image of some registry's means.
fn destination(text: &str) -> Result<(String, String), Failure> {
    if text.contains('@') || text.starts_with("sha256:") {
        return Err(Failure::input(format!("`{text}` names no tag")).hint("say where it goes: `ecslocal ecr push IMAGE users:v1`"));
    }
    // The first part of a name is a server's where it has a dot or a port.
    let name = match text.split_once('/') {
        Some((server, rest)) if server.contains(['.', ':']) || server == "localhost" => rest,
        _ => text,
    };
    let (name, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    Ok((name.to_owned(), tag.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_goes_where_its_name_says() {
        for (text, name, tag) in [
            ("users", "users", "latest"),
            ("users:v1", "users", "v1"),
            ("team/users:v1", "team/users", "v1"),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/users:v1", "team/users", "v1"),
            ("127.0.0.1:4566/users", "users", "latest"),
            ("localhost/users:v1", "users", "v1"),
        ] {
            assert_eq!(destination(text).unwrap(), (name.to_owned(), tag.to_owned()), "{text}");
        }
        assert!(destination("users@sha256:00").is_err());
    }
}
