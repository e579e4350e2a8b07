use super::*;

fn entities_of(value: &Value) -> Vec<Entity> {
    entities("grow", &Place::of(value), value)
}

#[test]
fn a_name_is_one_level_of_a_topic_whatever_is_in_it() {
    let topic = |value: Value| Place::of(&value).topic("grow");
    assert_eq!(topic(json!({"room": "Flower Room", "cluster": "front", "node": "n1"})), "grow/Flower Room/front/state");
    assert_eq!(topic(json!({"room": "a/b+c#", "device": "$x\n"})), "grow/a_b_c_/_x_/state");
    assert_eq!(topic(json!({"room": 1, "node": 7})), "grow/1/7/state");
    assert_eq!(topic(json!(5)), "grow/state");
}

#[test]
fn home_assistant_learns_of_a_reading_what_its_fields_mean() {
    let value = json!({"id": "1", "ts": 1.5, "room": "Veg", "cluster": "benches", "node": "M1", "vwc_1": 40.5, "root_temperature_1": 21,
        "co2": 900, "odd": 1, "leak": false, "quality": {"x": "stale"}, "gone": null});
    let found = entities_of(&value);
    let topics: Vec<&str> = found.iter().map(|entity| entity.topic.split('/').nth(1).expect("a component")).collect();
    assert_eq!(
        topics,
        ["sensor", "binary_sensor", "sensor", "sensor", "sensor"],
        "co2 leak odd root_temperature_1 vwc_1"
    );
    let classes: Vec<_> = found.iter().map(|entity| entity.config["device_class"].as_str()).collect();
    assert_eq!(classes, [Some("carbon_dioxide"), None, None, Some("temperature"), Some("moisture")]);
    let co2 = json!({
        "name": "co2", "unique_id": found[0].config["unique_id"], "state_topic": "grow/Veg/benches/state", "state_class": "measurement",
        "value_template": "{{ value_json['co2'] if 'co2' in value_json else '' }}", "availability_topic": "grow/status",
        "device_class": "carbon_dioxide", "unit_of_measurement": "ppm", "expire_after": 3600,
        "device": {"identifiers": [found[0].config["device"]["identifiers"][0]], "name": "Veg benches", "manufacturer": "growctl", "suggested_area": "Veg"},
        "origin": {"name": "growctl", "sw_version": env!("CARGO_PKG_VERSION")},
    });
    assert_eq!(found[0].config, co2);
}

#[test]
fn a_device_is_an_entity_by_its_state_and_never_expires() {
    let switch = entities_of(
        &json!({"room": "R", "device": "valve", "state": "off", "wanted": "on", "reason": "x", "until": 5}),
    );
    assert_eq!(switch.len(), 1);
    assert!(switch[0].topic.starts_with("homeassistant/binary_sensor/grow_r_valve_state"), "{}", switch[0].topic);
    assert_eq!((&switch[0].config["payload_on"], &switch[0].config["expire_after"]), (&json!("on"), &Value::Null));
    let fan = entities_of(&json!({"room": "R", "device": "fan", "state": 60, "rpm": 900}));
    assert_eq!(fan[1].config["state_class"], "measurement");
    assert_eq!(fan[0].config["unit_of_measurement"], "rpm");
}

#[test]
fn names_that_look_alike_stay_apart() {
    let id = |room: &str, cluster: &str| {
        entities_of(&json!({"room": room, "cluster": cluster, "ph": 5}))[0].config["unique_id"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(id("r1", "a"), "grow_r1_a_ph");
    let alike = [id("R 1", "a"), id("R-1", "a"), id("r-1", "a"), id("r_1", "a"), id("r", "1_a")];
    let different: std::collections::BTreeSet<&String> = alike.iter().collect();
    assert_eq!(different.len(), alike.len(), "{alike:?}");
    assert!(
        alike.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')),
        "{alike:?}"
    );
}
