//! `ecr` and what is under it.

use clap::{Args, Subcommand};

/// `ecr`
#[derive(Debug, Subcommand)]
pub(crate) enum Ecr {
    /// Make repositories
    #[command(after_help = "Examples:\n  ecslocal ecr create users\n  ecslocal ecr create team/users --immutable")]
    Create(Create),
    /// List repositories
    Ls,
    /// List the images of a repository, or of all
    #[command(after_help = "Examples:\n  ecslocal ecr images\n  ecslocal ecr images users --output json")]
    Images(Images),
    /// Log Docker in for twelve hours
    #[command(after_help = "\
It runs `docker login`. What `aws ecr get-login-password` prints is as good.

Examples:
  ecslocal ecr login
  ecslocal ecr login --print | docker login -u AWS --password-stdin 127.0.0.1:4566")]
    Login(Login),
    /// Push an image of this machine's
    #[command(after_help = "\
A repository that is not there is made. It runs `docker push` with a login of
its own, and leaves no other name of the image behind.

Examples:
  ecslocal ecr push users:v1                 to the repository `users`, tag `v1`
  ecslocal ecr push users:v1 team/users:v2")]
    Push(Push),
    /// Remove repositories, or images by tag or digest
    #[command(after_help = "\
With its last tag an image goes. A repository with images is removed with
`--force` only.

Examples:
  ecslocal ecr rm users:v1
  ecslocal ecr rm users@sha256:…
  ecslocal ecr rm users --force")]
    Rm(Rm),
    /// Remove what no image needs: layers, and uploads that nobody went on with
    #[command(after_help = "It happens by itself after a day.\n\nExamples:\n  ecslocal ecr gc\n  ecslocal ecr gc --older-than 0")]
    Gc(Gc),
}

/// `ecr create`
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Their names
    #[arg(required = true, value_name = "REPOSITORY")]
    pub(crate) names: Vec<String>,
    /// Tags stay with their images
    #[arg(long)]
    pub(crate) immutable: bool,
}

/// `ecr images`
#[derive(Debug, Args)]
pub(crate) struct Images {
    /// Of this one only
    #[arg(value_name = "REPOSITORY")]
    pub(crate) name: Option<String>,
}

/// `ecr login`
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Print the password instead
    #[arg(long)]
    pub(crate) print: bool,
}

/// `ecr push`
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The image, as `docker images` calls it
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Where it goes [default: as the image is called]
    #[arg(value_name = "REPOSITORY[:TAG]")]
    pub(crate) to: Option<String>,
}

/// `ecr rm`
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// What
    #[arg(required = true, value_name = "REPOSITORY[:TAG|@DIGEST]")]
    pub(crate) targets: Vec<String>,
    /// A repository with its images
    #[arg(long)]
    pub(crate) force: bool,
}

/// `ecr gc`
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Only what nobody has needed for so long; a push under way may need what is younger than itself
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) older_than: u64,
}
