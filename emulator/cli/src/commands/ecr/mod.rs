//! `ecr`: repositories and their images, through ECR's own API.

mod docker;
mod push;
mod remove;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::ecr::{
    AuthorizationAnswer, AuthorizationRequest, CreateRepositoryRequest, DescribeImagesAnswer, DescribeImagesRequest, DescribeRepositoriesAnswer,
    DescribeRepositoriesRequest, ImageDetail, RepositoryAnswer, RepositoryBody, SERVICE,
};
use wire::local::{CollectReply, CollectRequest, Failure, View, path};

use crate::args::ecr::{Create, Ecr, Gc, Images, Login};
use crate::client::Client;
use crate::end::Outcome;
use crate::launch::Launcher;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// As many as ECR gives at once.
const PAGE: usize = 1000;

/// Does what was asked. The registry is the daemon's: one that does not run is started.
pub(crate) async fn run(command: Ecr, settings: Settings, printer: &mut Printer) -> Outcome {
    let registry = Registry { client: Launcher::new(&settings)?.find_or_spawn().await? };
    match command {
        Ecr::Create(args) => create(&registry, &args, &settings, printer).await,
        Ecr::Ls => list(&registry, &settings, printer).await,
        Ecr::Images(args) => images(&registry, &args, &settings, printer).await,
        Ecr::Login(args) => login(&registry, &args, printer).await,
        Ecr::Push(args) => push::run(&registry, &args, &settings, printer).await,
        Ecr::Rm(args) => remove::run(&registry, &args, &settings, printer).await,
        Ecr::Gc(args) => collect(&registry, &args, &settings, printer).await,
    }
}

/// The registry, through ECR's API.
struct Registry {
    client: Client,
}

/// How Docker gets in.
struct Access {
    /// `127.0.0.1:4566`
    host: String,
    password: String,
}

impl Registry {
    async fn ask<T: DeserializeOwned>(&self, operation: &str, request: &impl Serialize) -> Result<T, Failure> {
        self.client.aws(&format!("{SERVICE}.{operation}"), request).await
    }

    async fn access(&self) -> Result<Access, Failure> {
        let answer: AuthorizationAnswer = self.ask("GetAuthorizationToken", &AuthorizationRequest::default()).await?;
        let unreadable = || Failure::environment("the daemon sent a token that cannot be read");
        let data = answer.authorization_data.first().ok_or_else(unreadable)?;
        let host = data.proxy_endpoint.strip_prefix("http://").ok_or_else(unreadable)?.to_owned();
        let password = docker::password(&data.authorization_token).ok_or_else(unreadable)?;
        Ok(Access { host, password })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryBody>, Failure> {
        let mut all = Vec::new();
        let mut next_token = None;
        loop {
            let request = DescribeRepositoriesRequest { max_results: Some(PAGE), next_token, ..DescribeRepositoriesRequest::default() };
            let answer: DescribeRepositoriesAnswer = self.ask("DescribeRepositories", &request).await?;
            all.extend(answer.repositories);
            next_token = answer.next_token;
            if next_token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn images(&self, repository_name: &str) -> Result<Vec<ImageDetail>, Failure> {
        let mut all = Vec::new();
        let mut next_token = None;
        loop {
            let repository_name = repository_name.to_owned();
            let request = DescribeImagesRequest { repository_name, max_results: Some(PAGE), next_token, ..DescribeImagesRequest::default() };
            let answer: DescribeImagesAnswer = self.ask("DescribeImages", &request).await?;
            all.extend(answer.image_details);
            next_token = answer.next_token;
            if next_token.is_none() {
                return Ok(all);
            }
        }
    }
}

async fn create(registry: &Registry, args: &Create, settings: &Settings, printer: &mut Printer) -> Outcome {
    let mut made = Vec::new();
    for name in &args.names {
        let image_tag_mutability = args.immutable.then(|| "IMMUTABLE".to_owned());
        let request = CreateRepositoryRequest { repository_name: name.clone(), image_tag_mutability, ..CreateRepositoryRequest::default() };
        let answer: RepositoryAnswer = registry.ask("CreateRepository", &request).await?;
        printer.talk(&format!("repository {name} is made: `docker push {}:TAG`", answer.repository.repository_uri))?;
        made.push(answer.repository);
    }
    if settings.json { Ok(printer.json(&made)?) } else { Ok(()) }
}

async fn list(registry: &Registry, settings: &Settings, printer: &mut Printer) -> Outcome {
    let repositories = registry.repositories().await?;
    if settings.json {
        return Ok(printer.json(&repositories)?);
    }
    if repositories.is_empty() {
        printer.talk("there is no repository; `ecslocal ecr create NAME` makes one")?;
    }
    let view: View = registry.client.get(path::VIEW).await?;
    Ok(printer.table(&listing::registry::repositories(&repositories, view.now))?)
}

async fn images(registry: &Registry, args: &Images, settings: &Settings, printer: &mut Printer) -> Outcome {
    let names = match &args.name {
        Some(name) => vec![name.clone()],
        None => registry.repositories().await?.into_iter().map(|repository| repository.repository_name).collect(),
    };
    let mut all = Vec::new();
    for name in names {
        all.extend(registry.images(&name).await?);
    }
    if settings.json {
        return Ok(printer.json(&all)?);
    }
    let view: View = registry.client.get(path::VIEW).await?;
    Ok(printer.table(&listing::registry::images(&all, view.now))?)
}

async fn login(registry: &Registry, args: &Login, printer: &mut Printer) -> Outcome {
    let access = registry.access().await?;
    if args.print {
        return Ok(printer.data(&access.password)?);
    }
    docker::login(&access)?;
    Ok(printer.talk(&format!("Docker is logged in to {} for twelve hours", access.host))?)
}

async fn collect(registry: &Registry, args: &Gc, settings: &Settings, printer: &mut Printer) -> Outcome {
    let reply: CollectReply = registry.client.post(path::COLLECT, &CollectRequest { older_than_seconds: args.older_than }).await?;
    let CollectReply { uploads, blobs, bytes } = reply;
    printer.talk(&format!("{blobs} blobs ({}) and {uploads} uploads were removed", listing::registry::size(bytes)))?;
    if settings.json { Ok(printer.json(&reply)?) } else { Ok(()) }
}
