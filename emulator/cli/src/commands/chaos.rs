//! `chaos`: faults on purpose.

use std::time::Duration;

use model::{AnswerFault, ContainerName, FaultKind, NetworkFault, NetworkFaultKind, Pressure, TrafficDirection, TransportProtocol};
use wire::local::{ChaosRequest, Failure, FaultView, FaultsReply, path};

use super::look;
use crate::args::chaos::{Chaos, End, Ls, Whom};
use crate::client::with_query;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::print::sanitize::visible;
use crate::settings::Settings;

/// A fault that is done once lasts no time; so long is the engine given.
const ONCE: Duration = Duration::from_secs(30);

/// Injects, lists or ends.
pub(crate) async fn run(command: Chaos, settings: Settings, printer: &mut Printer) -> Outcome {
    let (whom, kind, lasts) = match command {
        Chaos::Ls(args) => return list(&args, settings.with_files(&args.files.file), printer).await,
        Chaos::Stop(args) => return stop(&args, settings.with_files(&args.files.file), printer).await,
        Chaos::Kill(args) => (args.whom, FaultKind::Kill { container: container(args.container)? }, ONCE),
        Chaos::Pause(args) => (args.whom, FaultKind::Pause { container: container(args.container)? }, args.lasting.lasts),
        Chaos::Errors(args) => (args.whom, answers(Some(args.status), args.delay, args.percent), args.lasting.lasts),
        Chaos::Latency(args) => {
            let [delay_millis, jitter_millis] = [args.delay, args.jitter].map(millis);
            (args.whom, network(NetworkFaultKind::Latency { delay_millis, jitter_millis }), args.lasting.lasts)
        }
        Chaos::Loss(args) => (args.whom, network(NetworkFaultKind::Loss { percent: args.percent }), args.lasting.lasts),
        Chaos::Blackhole(args) => {
            let protocol = if args.protocol == "udp" { TransportProtocol::Udp } else { TransportProtocol::Tcp };
            let direction = if args.egress { TrafficDirection::Egress } else { TrafficDirection::Ingress };
            (args.whom, network(NetworkFaultKind::Blackhole { port: args.port, protocol, direction }), args.lasting.lasts)
        }
        Chaos::Cpu(args) => (args.whom, FaultKind::Pressure(Pressure::Cpu(args.percent)), args.lasting.lasts),
        Chaos::Memory(args) => (args.whom, FaultKind::Pressure(Pressure::Memory(args.percent)), args.lasting.lasts),
        Chaos::Delay(args) => (args.whom, answers(None, args.delay, args.percent), args.lasting.lasts),
    };
    inject(&whom, kind, lasts, settings.with_files(&whom.files.file), printer).await
}

fn answers(status: Option<u16>, delay: Duration, percent: u8) -> FaultKind {
    FaultKind::Answers(AnswerFault { status, delay_millis: millis(delay), percent })
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

const fn network(kind: NetworkFaultKind) -> FaultKind {
    FaultKind::Network(NetworkFault::new(kind))
}

fn container(name: Option<String>) -> Result<Option<ContainerName>, Failure> {
    name.map(|name| ContainerName::new(&name).map_err(|error| Failure::input(format!("`{name}`: {error}")))).transpose()
}

async fn inject(whom: &Whom, kind: FaultKind, lasts: Duration, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, _, name) = look(&settings, printer).await?;
    if lasts < Duration::from_secs(1) || lasts > model::fault::MAX_FAULT_TIME {
        return Err(Failure::input("`--for` is from 1s to 1h").into());
    }
    let once = kind.is_momentary();
    let seconds = u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX);
    let request = ChaosRequest { cluster: name, whom: whom.whom.clone(), percent_of_tasks: whom.share, kind, seconds };
    let fault: FaultView = client.post(path::INJECT_FAULT, &request).await?;
    let tasks = fault.task_ids.iter().map(|task| listing::short(task)).collect::<Vec<_>>().join(", ");
    let (what, plural) = (visible(&fault.description), if fault.task_ids.len() == 1 { "" } else { "s" });
    let end = if once { String::new() } else { format!(" for {seconds} s; `ecslocal chaos stop {}` ends it before", fault.fault_id) };
    printer.talk(&format!("{what}, task{plural} {}{end}", visible(&tasks)))?;
    if settings.json {
        printer.json(&fault)?
    } else {
        printer.data(&visible(&fault.fault_id))?
    }
    Ok(())
}

async fn list(args: &Ls, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let mut faults: Vec<FaultView> = client.get(&with_query(path::FAULTS, &[("cluster", name.as_str())])).await?;
    faults.retain(|fault| args.all || fault.over_at.is_none());
    if settings.json {
        return Ok(printer.json(&faults)?);
    }
    if faults.is_empty() {
        let which = if args.all { "no fault was injected in the last ten minutes" } else { "no task is under a fault" };
        printer.talk(&format!("cluster `{name}`: {which}"))?;
    }
    let text = listing::faults::faults(&faults, view.now).render(printer.data_palette(), printer.data_columns());
    Ok(printer.raw(text.as_bytes())?)
}

async fn stop(args: &End, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, _, name) = look(&settings, printer).await?;
    let mut stopped = Vec::new();
    let cluster = ("cluster", name.as_str());
    let asked: Vec<_> = if args.all { vec![vec![cluster]] } else { args.faults.iter().map(|id| vec![cluster, ("fault", id.as_str())]).collect() };
    for query in asked {
        let reply: FaultsReply = client.post(&with_query(path::END_FAULTS, &query), &serde_json::json!({})).await?;
        stopped.extend(reply.faults);
    }
    match stopped.len() {
        0 => printer.talk("no task is under a fault")?,
        1 => printer.talk("1 fault is over, and undone")?,
        several => printer.talk(&format!("{several} faults are over, and undone"))?,
    }
    if settings.json {
        return Ok(printer.json(&FaultsReply { faults: stopped })?);
    }
    stopped.iter().try_for_each(|id| printer.data(&visible(id)))?;
    Ok(())
}
