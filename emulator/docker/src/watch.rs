//! The engine's events. They wake us, then we look (design, decision 2).

use std::collections::BTreeSet;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use engine::{EngineError, EngineEvent};
use futures_util::StreamExt;
use model::{ContainerId, OwnerId};

use crate::{Docker, calls, labels};

/// Asked for by name: otherwise each health check of each container is three events.
const WANTED: [&str; 9] = ["start", "die", "oom", "health_status", "pause", "unpause", "stop", "destroy", "remove"];

impl Docker {
    /// The events from this moment on: those between this call and the first look at the stream are not lost.
    pub(crate) async fn events_of(&self, owner: &OwnerId) -> Result<engine::Stream<EngineEvent>, EngineError> {
        let since = self.call(calls::INSPECT, self.api().info()).await?.system_time;
        let mut filters = labels::filter(owner, None);
        filters.insert("type".into(), vec!["container".into()]);
        filters.insert("event".into(), WANTED.map(str::to_owned).to_vec());
        let mut options = EventsOptionsBuilder::new().filters(&filters);
        if let Some(since) = since.as_deref().and_then(unix_time) {
            options = options.since(&since);
        }
        let docker = self.clone();
        let mut starved = BTreeSet::new();
        let events = self.api().events(Some(options.build()));
        let events = events.filter_map(move |event| {
            let event = event.map_err(|error| docker.failure(error)).map(|event| engine_event(&event, &mut starved)).transpose();
            std::future::ready(event)
        });
        // An error is the last item.
        let events = events.scan(false, |failed, event| {
            let over = *failed;
            *failed = event.is_err();
            std::future::ready((!over).then_some(event))
        });
        Ok(events.boxed())
    }
}

/// The engine's own clock in the form that `since` takes.
fn unix_time(text: &str) -> Option<String> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(format!("{}.{:09}", moment.as_second(), moment.subsec_nanosecond()))
}

/// What an event says. `starved` remembers who ran out of memory: Docker says that in an event of its own, before `die`.
fn engine_event(event: &EventMessage, starved: &mut BTreeSet<ContainerId>) -> Option<EngineEvent> {
    let actor = event.actor.as_ref()?;
    let id = ContainerId::from_text(actor.id.as_deref()?);
    // `health_status: unhealthy` has its value in its name; Podman calls `destroy` `remove`.
    let action = event.action.as_deref()?.split(':').next()?;
    WANTED.contains(&action).then_some(match action {
        "die" => {
            let code = actor.attributes.as_ref().and_then(|attributes| attributes.get("exitCode")).and_then(|code| code.parse().ok());
            // Without a code there is nothing to say but "look".
            let Some(code) = code else { return Some(EngineEvent::Changed(id)) };
            EngineEvent::Died { out_of_memory: starved.remove(&id), id, code }
        }
        "oom" => {
            starved.insert(id.clone());
            EngineEvent::Changed(id)
        }
        "destroy" | "remove" => {
            starved.remove(&id);
            EngineEvent::Removed(id)
        }
        _ => EngineEvent::Changed(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_s_events_become_ours() {
        let id = ContainerId::from_text("c1");
        let mut starved = BTreeSet::new();
        for (action, expected) in [
            ("start", Some(EngineEvent::Changed(id.clone()))),
            ("health_status: unhealthy", Some(EngineEvent::Changed(id.clone()))),
            ("oom", Some(EngineEvent::Changed(id.clone()))),
            ("die", Some(EngineEvent::Died { id: id.clone(), code: 137, out_of_memory: true })),
            ("die", Some(EngineEvent::Died { id: id.clone(), code: 137, out_of_memory: false })),
            ("destroy", Some(EngineEvent::Removed(id.clone()))),
            ("remove", Some(EngineEvent::Removed(id.clone()))),
            ("exec_start: /probe", None),
        ] {
            let event = serde_json::from_value(
                serde_json::json!({"Type": "container", "Action": action, "Actor": {"ID": "c1", "Attributes": {"exitCode": "137"}}}),
            )
            .unwrap();
            assert_eq!(engine_event(&event, &mut starved), expected, "{action}");
        }
    }

    #[test]
    fn the_engine_s_clock_is_given_back_to_it() {
        assert_eq!(unix_time("2026-01-02T03:04:05.6789Z").as_deref(), Some("1767323045.678900000"));
        assert_eq!(unix_time("2026-01-02T04:04:05.000000001+01:00").as_deref(), Some("1767323045.000000001"));
        assert_eq!(unix_time("now"), None);
    }
}
