//! What an alarm says of the minutes that were measured: CloudWatch's evaluation of missing data included (ecs.md 7).

use std::time::Duration;

use model::{Aggregation, Alarm, AlarmState, Datapoint, Decimal, MetricAlarm, MissingData, Step, Timestamp};

use crate::context::Context;

/// The alarms of all clusters that have a new minute to judge, with what they say now.
pub(crate) fn judge(context: &Context<'_>) -> Vec<Step> {
    let alarms = context.world.clusters.iter().flat_map(|(cluster, known)| known.alarms.iter().map(move |(name, alarm)| (cluster, name, alarm)));
    let news = alarms.filter(|(_, _, alarm)| alarm.measured_until > alarm.evaluated_until);
    let step = |(cluster, name, alarm): (&model::ClusterName, &String, &Alarm)| {
        let alarm = Box::new(judged(alarm, context.pace.metric_period, context.now));
        Step::SetAlarm { cluster: cluster.clone(), name: name.clone(), alarm }
    };
    news.map(step).collect()
}

fn judged(alarm: &Alarm, minute: Duration, now: Timestamp) -> Alarm {
    let points: Vec<Datapoint> = alarm.points.iter().copied().collect();
    let state = look(&alarm.spec.alarm, &points, alarm.measured_until, minute).state.unwrap_or(alarm.state);
    let since = if state == alarm.state { alarm.since } else { now };
    Alarm { state, since, evaluated_until: alarm.measured_until, ..alarm.clone() }
}

/// An alarm's look at its metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// What the alarm says now; `None` leaves it as it was.
    pub(crate) state: Option<AlarmState>,
    /// The value of the newest period, unless it is missing.
    pub(crate) fresh: Option<Decimal>,
    /// The values that were looked at, newest first.
    pub(crate) values: Vec<Decimal>,
}

impl Look {
    /// The values that were looked at as one.
    pub(crate) fn aggregated(&self, how: Aggregation) -> Option<Decimal> {
        match how {
            Aggregation::Average => Decimal::mean(&self.values),
            Aggregation::Minimum => self.values.iter().min().copied(),
            Aggregation::Maximum => self.values.iter().max().copied(),
        }
    }
}

/// Looks at the periods that end at `until`; a minute of CloudWatch's takes `minute` here.
///
/// Of the last periods those with a value are taken, as many as the alarm evaluates; a missing one gives way to an older one within
/// [`MetricAlarm::range`]. The alarm goes off when enough of them breach; it is well when they would not be enough even if all that are
/// missing breached; without any value nothing can be said; else it stays as it was.
pub(crate) fn look(alarm: &MetricAlarm, points: &[Datapoint], until: Timestamp, minute: Duration) -> Look {
    let periods = periods(alarm, points, until, minute);
    let wanted = usize::try_from(alarm.evaluation_periods).unwrap_or(usize::MAX);
    let to_alarm = usize::try_from(alarm.datapoints_to_alarm).unwrap_or(usize::MAX);
    let fresh = periods.first().copied().flatten();
    let missing_now = periods.iter().take(wanted).filter(|value| value.is_none()).count();
    let (values, filled): (Vec<Decimal>, usize) = match alarm.missing_data {
        MissingData::Missing | MissingData::Ignore => (periods.into_iter().flatten().take(wanted).collect(), 0),
        MissingData::Breaching => (periods.into_iter().take(wanted).flatten().collect(), missing_now),
        MissingData::NotBreaching => (periods.into_iter().take(wanted).flatten().collect(), 0),
    };
    let breaching = values.iter().filter(|value| alarm.comparison.breaches(**value, alarm.threshold)).count() + filled;
    let unknown = match alarm.missing_data {
        MissingData::Missing | MissingData::Ignore => wanted.saturating_sub(values.len()),
        MissingData::Breaching | MissingData::NotBreaching => 0,
    };
    let fills = matches!(alarm.missing_data, MissingData::Breaching | MissingData::NotBreaching);
    let state = match alarm.missing_data {
        MissingData::Ignore if missing_now > 0 => None,
        _ if breaching >= to_alarm => Some(AlarmState::Alarm),
        _ if values.is_empty() && !fills => Some(AlarmState::InsufficientData),
        _ if breaching + unknown < to_alarm => Some(AlarmState::Ok),
        _ => None,
    };
    Look { state, fresh, values }
}

/// The value of each period of the alarm's range, newest first.
fn periods(alarm: &MetricAlarm, points: &[Datapoint], until: Timestamp, minute: Duration) -> Vec<Option<Decimal>> {
    let length = minute.as_millis().max(1).saturating_mul(u128::from(alarm.period_minutes.max(1)));
    let range = usize::try_from(alarm.range()).unwrap_or(usize::MAX);
    let mut periods: Vec<Vec<Decimal>> = vec![Vec::new(); range];
    for point in points.iter().filter(|point| point.at <= until) {
        let place = usize::try_from(until.since(point.at).as_millis() / length).unwrap_or(usize::MAX);
        if let Some(period) = periods.get_mut(place) {
            period.push(point.value);
        }
    }
    let one = |values: Vec<Decimal>| match alarm.metric.adds_up() {
        true if !values.is_empty() => Some(Decimal::sum(&values)),
        true => None,
        false => Decimal::mean(&values),
    };
    periods.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use model::{ComparisonOperator, Metric, TargetGroupName};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn alarm(evaluation_periods: u32, datapoints_to_alarm: u32, missing_data: MissingData) -> MetricAlarm {
        MetricAlarm {
            metric: Metric::CpuUtilization,
            threshold: Decimal::whole(50),
            comparison: ComparisonOperator::GreaterThan,
            period_minutes: 1,
            evaluation_periods,
            datapoints_to_alarm,
            missing_data,
        }
    }

    /// Oldest first, one a minute, the last at the end of the newest minute.
    fn points(values: &[Option<i64>]) -> (Vec<Datapoint>, Timestamp) {
        let at = |place: usize| Timestamp::from_millis(60_000 * u64::try_from(place + 100).unwrap());
        let points = values.iter().enumerate().filter_map(|(place, value)| Some(Datapoint { at: at(place), value: Decimal::whole((*value)?) }));
        (points.collect(), at(values.len().saturating_sub(1)))
    }

    #[track_caller]
    fn says(alarm: &MetricAlarm, values: &[Option<i64>], expected: Option<AlarmState>) {
        let (points, until) = points(values);
        assert_eq!(look(alarm, &points, until, MINUTE).state, expected, "{alarm:?} of {values:?}");
    }

    const HIGH: Option<i64> = Some(60);
    const LOW: Option<i64> = Some(40);
    const NONE: Option<i64> = None;
    const OK: Option<AlarmState> = Some(AlarmState::Ok);
    const ALARM: Option<AlarmState> = Some(AlarmState::Alarm);
    const INSUFFICIENT: Option<AlarmState> = Some(AlarmState::InsufficientData);

    #[test]
    fn enough_breaching_minutes_in_a_row_set_it_off() {
        let three = alarm(3, 3, MissingData::Missing);
        for (values, expected) in [
            (&[][..], INSUFFICIENT),
            (&[NONE, NONE, NONE], INSUFFICIENT),
            (&[HIGH], None),
            (&[HIGH, HIGH], None),
            (&[HIGH, HIGH, HIGH], ALARM),
            (&[LOW], OK),
            (&[HIGH, HIGH, LOW], OK),
            (&[LOW, HIGH, HIGH], OK),
            (&[LOW, HIGH, HIGH, HIGH], ALARM),
            (&[HIGH, HIGH, NONE, HIGH], ALARM),
            (&[HIGH, HIGH, HIGH, NONE], ALARM),
            (&[HIGH, HIGH, NONE, NONE, HIGH], None),
            (&[HIGH, HIGH, HIGH, NONE, NONE, NONE, NONE], INSUFFICIENT),
            (&[Some(50), Some(50), Some(50)], OK),
        ] {
            says(&three, values, expected);
        }
    }

    #[test]
    fn some_of_several_are_enough_when_told_so() {
        let two_of_three = alarm(3, 2, MissingData::Missing);
        for (values, expected) in [(&[HIGH, LOW, HIGH][..], ALARM), (&[LOW, LOW, HIGH], OK), (&[HIGH], None), (&[LOW, LOW], OK)] {
            says(&two_of_three, values, expected);
        }
    }

    #[test]
    fn missing_minutes_are_treated_as_told() {
        for (treatment, values, expected) in [
            (MissingData::Breaching, &[HIGH, NONE, HIGH][..], ALARM),
            (MissingData::Breaching, &[NONE, NONE, NONE], ALARM),
            (MissingData::Breaching, &[NONE, LOW, NONE], OK),
            (MissingData::NotBreaching, &[HIGH, HIGH, HIGH, NONE], OK),
            (MissingData::NotBreaching, &[NONE, NONE, NONE], OK),
            (MissingData::NotBreaching, &[HIGH, HIGH, HIGH], ALARM),
            (MissingData::Ignore, &[HIGH, HIGH, NONE], None),
            (MissingData::Ignore, &[NONE, NONE, NONE], None),
            (MissingData::Ignore, &[LOW, HIGH, HIGH], OK),
        ] {
            says(&alarm(3, 3, treatment), values, expected);
        }
    }

    #[test]
    fn only_the_newest_minute_is_fresh() {
        let (points, until) = points(&[HIGH, HIGH, LOW]);
        let now = look(&alarm(3, 3, MissingData::Missing), &points, until, MINUTE);
        assert_eq!((now.fresh, now.values), (Some(Decimal::whole(40)), vec![Decimal::whole(40), Decimal::whole(60), Decimal::whole(60)]));
        assert_eq!(look(&alarm(3, 3, MissingData::Missing), &points, until + MINUTE, MINUTE).fresh, None);
    }

    #[test]
    fn longer_periods_add_up_counts_and_average_the_rest() {
        let (points, until) = points(&[Some(10), Some(20), Some(30), Some(50)]);
        let two = MetricAlarm { period_minutes: 2, ..alarm(2, 2, MissingData::Missing) };
        let group = TargetGroupName::new("users").unwrap();
        let whole = |numbers: [i64; 2]| numbers.map(Decimal::whole).to_vec();
        assert_eq!(look(&two, &points, until, MINUTE).values, whole([40, 15]));
        let counts = MetricAlarm { metric: Metric::RequestCount(group), ..two.clone() };
        assert_eq!(look(&counts, &points, until, MINUTE).values, whole([80, 30]));
        // A clock that runs six times as fast.
        let fast: Vec<_> = points.iter().map(|point| Datapoint { at: Timestamp::from_millis(point.at.as_millis() / 6), ..*point }).collect();
        let until = Timestamp::from_millis(until.as_millis() / 6);
        assert_eq!(look(&counts, &fast, until, MINUTE / 6).values, whole([80, 30]));
        for (how, expected) in [(Aggregation::Average, "27.5"), (Aggregation::Minimum, "15"), (Aggregation::Maximum, "40")] {
            let whole = look(&two, &fast, until, MINUTE / 6);
            assert_eq!(whole.aggregated(how).unwrap().to_string(), expected);
        }
    }
}
