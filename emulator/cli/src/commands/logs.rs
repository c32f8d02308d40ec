//! `logs`: what containers write.

use wire::local::{ClusterView, Failure, LogRecord, path};

use super::look;
use crate::args::Logs;
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::interrupt::Interrupts;
use crate::print::Printer;
use crate::settings::Settings;
use crate::stream::Interleaver;

/// Whose output is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    Everyone,
    Service(String),
    Task(String),
}

/// Prints it, interleaved.
pub(crate) async fn run(args: &Logs, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    let cluster = cluster::require(&view, &name)?;
    let (service, task) = match of(args.of.as_deref(), cluster)? {
        Of::Everyone => (String::new(), String::new()),
        Of::Service(service) => (service, String::new()),
        Of::Task(task) => (String::new(), task),
    };
    let tail = args.tail.map(|lines| lines.to_string()).unwrap_or_default();
    let follow = if args.follow { "true" } else { "" };
    let query = [("cluster", name.as_str()), ("service", &service), ("task", &task), ("tail", &tail), ("follow", follow)];
    let mut lines = client.get_lines::<LogRecord>(&with_query(path::LOGS, &query)).await?;
    let mut interrupts = Interrupts::new()?;
    let names = cluster.services.iter().map(|known| known.service_name.as_str()).filter(|name| service.is_empty() || service == *name);
    let mut interleaver = Interleaver::for_services(names);
    loop {
        let record = tokio::select! {
            record = lines.next() => record?,
            () = interrupts.next() => None,
        };
        match record {
            None => return Ok(()),
            Some(record) if settings.json => printer.json_line(&record)?,
            Some(record) => interleaver.log(printer, &record)?,
        }
    }
}

/// A service's name goes before the beginning of a task's id.
fn of(typed: Option<&str>, cluster: &ClusterView) -> Result<Of, Failure> {
    let Some(typed) = typed else {
        return Ok(Of::Everyone);
    };
    if cluster.services.iter().any(|service| service.service_name == typed) {
        return Ok(Of::Service(typed.to_owned()));
    }
    let tasks: Vec<&str> = cluster.tasks.iter().map(|task| task.task_id.as_str()).filter(|id| !typed.is_empty() && id.starts_with(typed)).collect();
    match tasks.as_slice() {
        [] => Err(cluster::unknown_service(typed, cluster)),
        [one] => Ok(Of::Task((*one).to_owned())),
        several => {
            Err(Failure::input(format!("{} tasks begin with `{typed}`", several.len())).hint("type more of the id; `ecslocal ps --all` lists them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_service_or_the_beginning_of_a_task_is_found() {
        let mut view = sample::view();
        let cluster = &mut view.clusters[0];
        assert_eq!(of(None, cluster), Ok(Of::Everyone));
        assert_eq!(of(Some("posts"), cluster), Ok(Of::Service("posts".into())));
        assert_eq!(of(Some("dead"), cluster), Ok(Of::Task("dead0000".repeat(4))));
        assert_eq!(of(Some("post"), cluster).unwrap_err().hint.as_deref(), Some("did you mean `posts`?"));
        assert!(of(Some(""), cluster).is_err());
        cluster.tasks[0].task_id = "dead9".into();
        assert_eq!(of(Some("dead"), cluster).unwrap_err().message, "2 tasks begin with `dead`");
    }
}
