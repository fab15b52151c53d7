-- A store as the software made it that knew no migrations.
CREATE TABLE schema_version (
	version INTEGER NOT NULL,
	PRIMARY KEY (version)
);
CREATE TABLE messages (
	message_id VARCHAR(36) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	node VARCHAR(64) NOT NULL,
	outbox_id VARCHAR(36) NOT NULL,
	boot BIGINT NOT NULL,
	sequence BIGINT NOT NULL,
	trace_id VARCHAR(32) NOT NULL,
	event_id VARCHAR(36) NOT NULL,
	stage VARCHAR(16) NOT NULL,
	captured_at_us BIGINT NOT NULL,
	received_at_us BIGINT NOT NULL,
	envelope TEXT NOT NULL,
	PRIMARY KEY (message_id)
);
CREATE INDEX ix_messages_event_id ON messages (event_id);
CREATE INDEX ix_messages_trace_id ON messages (trace_id);
CREATE UNIQUE INDEX one_message_a_number ON messages (node, outbox_id, sequence);
CREATE TABLE node_streams (
	node VARCHAR(64) NOT NULL,
	outbox_id VARCHAR(36) NOT NULL,
	contiguous BIGINT NOT NULL,
	beyond JSON NOT NULL,
	PRIMARY KEY (node, outbox_id)
);
CREATE TABLE quarantine (
	id INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	topic VARCHAR(200) NOT NULL,
	reason VARCHAR(32) NOT NULL,
	detail TEXT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	payload BLOB NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (digest)
);
CREATE TABLE evidence (
	event_id VARCHAR(36) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	node VARCHAR(64) NOT NULL,
	start_us BIGINT NOT NULL,
	received_at_us BIGINT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (event_id, kind, sha256)
);
CREATE INDEX evidence_by_file ON evidence (sha256);
CREATE TABLE evidence_files (
	sha256 VARCHAR(64) NOT NULL,
	node VARCHAR(64) NOT NULL,
	bytes BIGINT NOT NULL,
	loudness INTEGER NOT NULL,
	whole_at_us BIGINT NOT NULL,
	removed_at_us BIGINT,
	PRIMARY KEY (sha256)
);
CREATE INDEX ix_evidence_files_whole_at_us ON evidence_files (whole_at_us);
CREATE TABLE node_tokens (
	node VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	added_at_us BIGINT NOT NULL,
	PRIMARY KEY (node),
	UNIQUE (digest)
);
CREATE TABLE incidents (
	incident_id VARCHAR(36) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	trace_id VARCHAR(32) NOT NULL,
	opened_at_us BIGINT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (incident_id)
);
CREATE INDEX ix_incidents_opened_at_us ON incidents (opened_at_us);
CREATE INDEX ix_incidents_state ON incidents (state);
CREATE INDEX ix_incidents_trace_id ON incidents (trace_id);
CREATE TABLE alarms (
	alarm_id VARCHAR(36) NOT NULL,
	incident_id VARCHAR(36) NOT NULL,
	state VARCHAR(16) NOT NULL,
	raised_at_us BIGINT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (alarm_id)
);
CREATE INDEX ix_alarms_raised_at_us ON alarms (raised_at_us);
CREATE INDEX ix_alarms_incident_id ON alarms (incident_id);
CREATE TABLE tasks (
	task_id VARCHAR(36) NOT NULL,
	incident_id VARCHAR(36),
	vehicle VARCHAR(64) NOT NULL,
	state VARCHAR(16) NOT NULL,
	is_final BOOLEAN NOT NULL,
	trace_id VARCHAR(32) NOT NULL,
	created_at_us BIGINT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (task_id)
);
CREATE INDEX ix_tasks_incident_id ON tasks (incident_id);
CREATE INDEX ix_tasks_trace_id ON tasks (trace_id);
CREATE INDEX ix_tasks_state ON tasks (state);
CREATE INDEX ix_tasks_created_at_us ON tasks (created_at_us);
CREATE TABLE task_changes (
	id INTEGER NOT NULL,
	task_id VARCHAR(36) NOT NULL,
	at_us BIGINT NOT NULL,
	state VARCHAR(16) NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX ix_task_changes_task_id ON task_changes (task_id);
CREATE TABLE decisions (
	decision_id VARCHAR(36) NOT NULL,
	at_us BIGINT NOT NULL,
	vehicle VARCHAR(64) NOT NULL,
	task_id VARCHAR(36),
	trace_id VARCHAR(32),
	verdict VARCHAR(16) NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (decision_id)
);
CREATE INDEX ix_decisions_task_id ON decisions (task_id);
CREATE INDEX ix_decisions_trace_id ON decisions (trace_id);
CREATE INDEX ix_decisions_vehicle ON decisions (vehicle);
CREATE TABLE hops (
	trace_id VARCHAR(32) NOT NULL,
	hop VARCHAR(32) NOT NULL,
	took_us BIGINT NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (trace_id, hop)
);
CREATE TABLE zones (
	zone VARCHAR(64) NOT NULL,
	is_set BOOLEAN NOT NULL,
	"by" VARCHAR(120) NOT NULL,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (zone)
);
CREATE TABLE configurations (
	node VARCHAR(64) NOT NULL,
	version BIGINT NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	"by" VARCHAR(120) NOT NULL,
	at_us BIGINT NOT NULL,
	document TEXT NOT NULL,
	PRIMARY KEY (node, version)
);
CREATE TABLE audit (
	id INTEGER NOT NULL,
	at_us BIGINT NOT NULL,
	actor VARCHAR(120) NOT NULL,
	act VARCHAR(64) NOT NULL,
	subject VARCHAR(200) NOT NULL,
	trace_id VARCHAR(32),
	detail JSON NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX ix_audit_at_us ON audit (at_us);
INSERT INTO schema_version VALUES (1);
