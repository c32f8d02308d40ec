//! What a step scaling policy makes of a value: its step, the adjustment, the rounding (ecs.md 7).

use model::{AdjustmentType, Decimal, StepScaling};

/// The count that the policy asks for when `count` tasks run and the metric is at `value`; `None` where no step is for that value.
pub(crate) fn adjusted(policy: &StepScaling, count: u32, value: Decimal) -> Option<u32> {
    let alarm = &policy.alarm;
    let difference = value.minus(alarm.threshold);
    let step = policy.steps.iter().find(|step| step.holds(difference, alarm.comparison.is_upward()))?;
    let adjustment = i64::from(step.adjustment);
    let from = i64::from(count);
    let to = match policy.adjustment_type {
        AdjustmentType::ExactCapacity => adjustment,
        AdjustmentType::ChangeInCapacity => from + adjustment,
        AdjustmentType::PercentChangeInCapacity => {
            let change = rounded(from * adjustment);
            let least = i64::from(policy.min_adjustment_magnitude.unwrap_or(0));
            from + if change.abs() < least { least * adjustment.signum() } else { change }
        }
    };
    u32::try_from(to.max(0)).ok()
}

/// Hundredths of a task as tasks: toward zero, but never to none at all.
fn rounded(hundredths: i64) -> i64 {
    let whole = hundredths / 100;
    if whole == 0 { hundredths.signum() } else { whole }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::{Aggregation, ComparisonOperator, Metric, MetricAlarm, MissingData, StepAdjustment};

    use super::*;

    fn policy(adjustment_type: AdjustmentType, comparison: ComparisonOperator, steps: &[(Option<i64>, Option<i64>, i32)]) -> StepScaling {
        let step = |(lower, upper, adjustment): &(Option<i64>, Option<i64>, i32)| StepAdjustment {
            lower: lower.map(Decimal::whole),
            upper: upper.map(Decimal::whole),
            adjustment: *adjustment,
        };
        StepScaling {
            adjustment_type,
            steps: steps.iter().map(step).collect(),
            min_adjustment_magnitude: None,
            cooldown: Duration::from_secs(300),
            aggregation: Aggregation::Average,
            alarm: MetricAlarm {
                metric: Metric::CpuUtilization,
                threshold: Decimal::whole(50),
                comparison,
                period_minutes: 1,
                evaluation_periods: 1,
                datapoints_to_alarm: 1,
                missing_data: MissingData::Missing,
            },
            alarm_name: "a".into(),
        }
    }

    #[test]
    fn bounds_are_taken_from_the_threshold() {
        let out = policy(
            AdjustmentType::ChangeInCapacity,
            ComparisonOperator::GreaterThanOrEqual,
            &[(Some(0), Some(10), 1), (Some(10), Some(20), 2), (Some(20), None, 4)],
        );
        for (value, expected) in [(49, None), (50, Some(4)), (59, Some(4)), (60, Some(5)), (69, Some(5)), (70, Some(7)), (500, Some(7))] {
            assert_eq!(adjusted(&out, 3, Decimal::whole(value)), expected, "{value}");
        }
        let low = policy(AdjustmentType::ChangeInCapacity, ComparisonOperator::LessThanOrEqual, &[(None, Some(-20), -3), (Some(-20), Some(0), -1)]);
        for (value, expected) in [(51, None), (50, Some(4)), (31, Some(4)), (30, Some(2)), (0, Some(2))] {
            assert_eq!(adjusted(&low, 5, Decimal::whole(value)), expected, "{value}");
        }
        assert_eq!(adjusted(&low, 1, Decimal::whole(0)), Some(0), "never below nothing");
    }

    #[test]
    fn the_three_types_and_their_rounding() {
        let with = |adjustment_type, adjustment| policy(adjustment_type, ComparisonOperator::GreaterThan, &[(Some(0), None, adjustment)]);
        // What a step gives, from how many tasks.
        for (adjustment_type, adjustment, from, to) in [
            (AdjustmentType::ExactCapacity, 5, 2, 5),
            (AdjustmentType::ExactCapacity, 0, 2, 0),
            (AdjustmentType::ChangeInCapacity, 2, 0, 2),
            (AdjustmentType::ChangeInCapacity, -1, 3, 2),
            // 12.7 is 12, 0.3 is 1, -0.58 is -1, -6.67 is -6: the values of AWS's own table.
            (AdjustmentType::PercentChangeInCapacity, 127, 10, 22),
            (AdjustmentType::PercentChangeInCapacity, 30, 1, 2),
            (AdjustmentType::PercentChangeInCapacity, -58, 1, 0),
            (AdjustmentType::PercentChangeInCapacity, -67, 10, 4),
            (AdjustmentType::PercentChangeInCapacity, 50, 0, 0),
            (AdjustmentType::PercentChangeInCapacity, 100, 4, 8),
        ] {
            assert_eq!(
                adjusted(&with(adjustment_type, adjustment), from, Decimal::whole(60)),
                Some(to),
                "{adjustment_type:?} {adjustment} of {from}"
            );
        }
    }

    #[test]
    fn per_cent_of_few_tasks_are_at_least_the_magnitude() {
        let with = |adjustment, least| StepScaling {
            min_adjustment_magnitude: Some(least),
            ..policy(AdjustmentType::PercentChangeInCapacity, ComparisonOperator::GreaterThan, &[(Some(0), None, adjustment)])
        };
        for (adjustment, least, from, to) in [(25, 2, 4, 6), (25, 2, 40, 50), (-25, 2, 4, 2), (25, 2, 0, 2), (-50, 3, 2, 0)] {
            assert_eq!(adjusted(&with(adjustment, least), from, Decimal::whole(60)), Some(to), "{adjustment} {least} {from}");
        }
    }
}
