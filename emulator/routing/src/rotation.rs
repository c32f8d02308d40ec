//! Whose turn it is among the tasks behind a connection between services, and who sits out (ecs.md 8, "LB").

use std::net::SocketAddr;
use std::time::Duration;

use model::{TaskId, Timestamp};

/// A task after so many failures in a row sits out.
pub const FAILURES: u32 = 5;

/// How long it sits out.
pub const EJECTION: Duration = Duration::from_secs(30);

/// A connection or request that fails is tried so often once more.
pub const RETRIES: usize = 2;

/// A task and where it is dialled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The task: another one may get its address later.
    pub task: TaskId,
    /// Where it is dialled.
    pub address: SocketAddr,
}

/// Round robin with outlier detection. Members that sit out are asked only where all do: a service that is sick in all its tasks is
/// still asked.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    members: Vec<(Member, Record)>,
    next: usize,
}

/// What was seen of a member.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// In a row.
    failures: u32,
    /// Sits out until then.
    out_until: Option<Timestamp>,
}

impl Rotation {
    /// Takes new members; what is known of those that stay is kept.
    pub fn set(&mut self, members: Vec<Member>) {
        let known = std::mem::take(&mut self.members);
        let record = |member: &Member| known.iter().find(|(old, _)| old == member).map(|(_, record)| *record).unwrap_or_default();
        self.members = members.into_iter().map(|member| (member.clone(), record(&member))).collect();
    }

    /// Takes a task out. True if it was in.
    pub fn withdraw(&mut self, task: &TaskId) -> bool {
        let before = self.members.len();
        self.members.retain(|(member, _)| member.task != *task);
        self.members.len() < before
    }

    /// Whose turn it is, and after it those who are asked where it fails: never more than [`RETRIES`], and the same ones again where
    /// there are fewer. Empty without members.
    pub fn turn(&mut self, now: Timestamp) -> Vec<Member> {
        let in_rotation = |(_, record): &&(Member, Record)| record.out_until.is_none_or(|until| until <= now);
        let mut able: Vec<&Member> = self.members.iter().filter(in_rotation).map(|(member, _)| member).collect();
        if able.is_empty() {
            able = self.members.iter().map(|(member, _)| member).collect();
        }
        let start = self.next.checked_rem(able.len()).unwrap_or(0);
        let turn = able.iter().cycle().skip(start).take(if able.is_empty() { 0 } else { 1 + RETRIES }).map(|member| (*member).clone()).collect();
        self.next = self.next.wrapping_add(1);
        turn
    }

    /// Notes how an attempt ended.
    pub fn learn(&mut self, member: &Member, good: bool, now: Timestamp) {
        let Some((_, record)) = self.members.iter_mut().find(|(known, _)| known == member) else { return };
        if good {
            *record = Record::default();
            return;
        }
        record.failures += 1;
        if record.failures >= FAILURES {
            *record = Record { failures: 0, out_until: Some(now + EJECTION) };
        }
    }

    /// How many members there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Member {
        Member { task: TaskId::from_text(name), address: SocketAddr::from(([10, 0, 0, 1], 3000)) }
    }

    fn rotation(names: &[&str]) -> Rotation {
        let mut rotation = Rotation::default();
        rotation.set(names.iter().map(|name| member(name)).collect());
        rotation
    }

    fn turn(rotation: &mut Rotation, now: u64) -> String {
        let turn = rotation.turn(Timestamp::from_millis(now));
        turn.iter().map(|member| member.task.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_has_its_turn_and_others_stand_in() {
        let mut rotation = rotation(&["a", "b", "c", "d"]);
        assert_eq!([0; 5].map(|now| turn(&mut rotation, now)), ["a b c", "b c d", "c d a", "d a b", "a b c"]);
        assert!(rotation.withdraw(&TaskId::from_text("a")) && !rotation.withdraw(&TaskId::from_text("a")));
        assert_eq!(turn(&mut rotation, 0), "d b c");
        rotation.set(vec![member("b")]);
        assert_eq!(turn(&mut rotation, 0), "b b b");
        rotation.set(Vec::new());
        assert_eq!((turn(&mut rotation, 0), rotation.is_empty()), (String::new(), true));
    }

    #[test]
    fn who_fails_too_often_in_a_row_sits_out() {
        let mut rotation = rotation(&["a", "b"]);
        let fail = |rotation: &mut Rotation, times: u32| {
            for _ in 0..times {
                rotation.learn(&member("a"), false, Timestamp::from_millis(1000));
            }
        };
        fail(&mut rotation, FAILURES - 1);
        rotation.learn(&member("a"), true, Timestamp::from_millis(1000));
        fail(&mut rotation, FAILURES - 1);
        assert_eq!(turn(&mut rotation, 2000), "a b a", "good ones in between count");
        fail(&mut rotation, 1);
        assert_eq!(turn(&mut rotation, 2000), "b b b");
        rotation.set(vec![member("a"), member("b"), member("c")]);
        assert_eq!(turn(&mut rotation, 30_999), "b c b", "who stays keeps its record");
        assert_eq!(turn(&mut rotation, 31_000), "a b c");
    }

    #[test]
    fn where_all_sit_out_all_are_asked() {
        let mut rotation = rotation(&["a"]);
        for _ in 0..FAILURES {
            rotation.learn(&member("a"), false, Timestamp::from_millis(0));
        }
        assert_eq!(turn(&mut rotation, 1), "a a a");
    }
}
