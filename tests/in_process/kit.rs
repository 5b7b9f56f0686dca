//! What the kit itself must get right.

use std::time::Duration;

use testkit::plan::Times;

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let mut times = Times::default();
    assert_eq!(times.percentile(50), Duration::ZERO);
    for n in (1..=200).rev() {
        times.push(Duration::from_millis(n));
    }
    assert_eq!(times.percentile(50), Duration::from_millis(100));
    assert_eq!(times.percentile(99), Duration::from_millis(198));
}
