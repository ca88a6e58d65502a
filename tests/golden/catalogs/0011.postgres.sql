CREATE TABLE artifacts (
	id VARCHAR(12) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(20) NOT NULL, 
	key_arn TEXT NOT NULL, 
	content_sha256 VARCHAR(64) NOT NULL, 
	manifest_sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT artifacts_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_artifacts_content ON artifacts (content_sha256);
CREATE TABLE catalog_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT catalog_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "catalog_version" ("version_num") VALUES ('0011');
CREATE TABLE copied_parts (
	artifact_id VARCHAR(12) NOT NULL, 
	path VARCHAR(1100) NOT NULL, 
	number INTEGER NOT NULL, 
	receipt TEXT NOT NULL, 
	crc64nvme VARCHAR(16) NOT NULL, 
	pieces TEXT NOT NULL, 
	CONSTRAINT copied_parts_pkey PRIMARY KEY (artifact_id, path, number)
);
INSERT INTO "copied_parts" ("artifact_id", "path", "number", "receipt", "crc64nvme", "pieces") VALUES ('job000000002', 'files/a', 3, 'etag', '0000000000000007', '[]');
CREATE TABLE copies (
	artifact_id VARCHAR(12) NOT NULL, 
	path VARCHAR(1100) NOT NULL, 
	upload_id TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	part_bytes BIGINT NOT NULL, 
	header BYTEA NOT NULL, 
	CONSTRAINT copies_pkey PRIMARY KEY (artifact_id, path)
);
INSERT INTO "copies" ("artifact_id", "path", "upload_id", "size_bytes", "part_bytes", "header") VALUES ('job000000002', 'files/a', 'u1', 1099511627776, 16777216, '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627');
CREATE TABLE import_jobs (
	id VARCHAR(12) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(20) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	model_name VARCHAR(63) NOT NULL, 
	model_id VARCHAR(12) NOT NULL, 
	role_arn TEXT NOT NULL, 
	source_uri TEXT NOT NULL, 
	client_request_token VARCHAR(256), 
	request_sha256 VARCHAR(64) NOT NULL, 
	kms_key_id TEXT, 
	key_arn TEXT NOT NULL, 
	network TEXT, 
	model_tags TEXT NOT NULL, 
	stage VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	modified_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	stage_entries TEXT NOT NULL, 
	bytes_done BIGINT NOT NULL, 
	bytes_total BIGINT NOT NULL, 
	failure_message TEXT, 
	report TEXT, 
	wrapped_key BYTEA, 
	shared_artifact_id VARCHAR(12), 
	is_released BOOLEAN DEFAULT false NOT NULL, 
	marks TEXT DEFAULT '[]'::text NOT NULL, 
	worker TEXT, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	fence BIGINT DEFAULT '0'::bigint NOT NULL, 
	turn INTEGER DEFAULT 1 NOT NULL, 
	principal_arn TEXT DEFAULT ''::text NOT NULL, 
	CONSTRAINT import_jobs_pkey PRIMARY KEY (id), 
	CONSTRAINT uq_import_jobs_name UNIQUE NULLS DISTINCT (account, region, name), 
	CONSTRAINT uq_import_jobs_token UNIQUE NULLS DISTINCT (account, region, client_request_token)
);
CREATE INDEX ix_import_jobs_account_turn ON import_jobs (account, turn);
CREATE INDEX ix_import_jobs_created ON import_jobs (account, region, created_at, id);
CREATE INDEX ix_import_jobs_model ON import_jobs (model_id);
CREATE INDEX ix_import_jobs_shared ON import_jobs (shared_artifact_id);
CREATE INDEX ix_import_jobs_stage ON import_jobs (account, region, stage, created_at, id);
CREATE INDEX ix_import_jobs_turn ON import_jobs (turn);
CREATE UNIQUE INDEX uq_import_jobs_model_name ON import_jobs (account, region, model_name) WHERE (ended_at IS NULL);
INSERT INTO "import_jobs" ("id", "account", "region", "name", "model_name", "model_id", "role_arn", "source_uri", "client_request_token", "request_sha256", "kms_key_id", "key_arn", "network", "model_tags", "stage", "created_at", "modified_at", "ended_at", "stage_entries", "bytes_done", "bytes_total", "failure_message", "report", "wrapped_key", "shared_artifact_id", "is_released", "marks", "worker", "attempts", "fence", "turn", "principal_arn") VALUES ('job000000001', '000000000000', 'us-east-1', 'done', 'model-1', 'model0000001', 'arn:aws:iam::000000000000:role/import', 's3://models/m/', NULL, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL, 'arn:aws:kms:us-east-1:000000000000:key/service', '{"subnet_ids":["subnet-1"],"security_group_ids":["sg-1"]}', '[["team","rocks"]]', 'Completed', 1767225600000000, 1767225600000001, 1767225600000001, '[["Queued","2026-01-01T00:00:00+00:00"],["Completed","2026-01-01T00:01:00+00:00"]]', 100, 100, NULL, '{"schema":"x"}', NULL, NULL, False, '[]', NULL, 0, 0, 1, '');
INSERT INTO "import_jobs" ("id", "account", "region", "name", "model_name", "model_id", "role_arn", "source_uri", "client_request_token", "request_sha256", "kms_key_id", "key_arn", "network", "model_tags", "stage", "created_at", "modified_at", "ended_at", "stage_entries", "bytes_done", "bytes_total", "failure_message", "report", "wrapped_key", "shared_artifact_id", "is_released", "marks", "worker", "attempts", "fence", "turn", "principal_arn") VALUES ('job000000002', '000000000000', 'us-east-1', 'running', 'model-2', 'model0000002', 'arn:aws:iam::000000000000:role/import', 's3://models/m/', NULL, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', NULL, 'arn:aws:kms:us-east-1:000000000000:key/service', '{"subnet_ids":["subnet-1"],"security_group_ids":["sg-1"]}', '[["team","rocks"]]', 'Copy', 1767225600000000, 1767225600000001, NULL, '[["Queued","2026-01-01T00:00:00+00:00"],["Copy","2026-01-01T00:00:30+00:00"]]', 50, 100, NULL, '{"schema":"x"}', '\x0077726170706564', NULL, False, '[]', NULL, 0, 0, 1, '');
CREATE TABLE imported_models (
	id VARCHAR(12) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(20) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	job_id VARCHAR(12) NOT NULL, 
	job_name VARCHAR(63) NOT NULL, 
	source_uri TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	architecture TEXT NOT NULL, 
	is_instruct BOOLEAN NOT NULL, 
	parameters BIGINT NOT NULL, 
	weight_bytes BIGINT NOT NULL, 
	context_length BIGINT NOT NULL, 
	custom_model_units INTEGER NOT NULL, 
	artifact_id VARCHAR(12) NOT NULL, 
	manifest_sha256 VARCHAR(64) NOT NULL, 
	key_arn TEXT NOT NULL, 
	is_customer_key BOOLEAN NOT NULL, 
	wrapped_key BYTEA NOT NULL, 
	evidence TEXT NOT NULL, 
	CONSTRAINT imported_models_pkey PRIMARY KEY (id), 
	CONSTRAINT uq_imported_models_name UNIQUE NULLS DISTINCT (account, region, name)
);
CREATE INDEX ix_imported_models_artifact ON imported_models (artifact_id);
CREATE INDEX ix_imported_models_created ON imported_models (account, region, created_at, id);
INSERT INTO "imported_models" ("id", "account", "region", "name", "job_id", "job_name", "source_uri", "created_at", "architecture", "is_instruct", "parameters", "weight_bytes", "context_length", "custom_model_units", "artifact_id", "manifest_sha256", "key_arn", "is_customer_key", "wrapped_key", "evidence") VALUES ('model0000001', '000000000000', 'us-east-1', 'model-1', 'job000000001', 'done', 's3://models/m/', 1767225600000000, 'llama', True, 140000000000, 280000000000, 131072, 8, 'job000000001', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'arn:aws:kms:us-east-1:000000000000:key/service', False, '\x016f6620746865206d6f64656c', '{"output_tokens":3}');
CREATE TABLE network_pins (
	job_id VARCHAR(12) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	addresses TEXT NOT NULL, 
	CONSTRAINT network_pins_pkey PRIMARY KEY (job_id, name)
);
CREATE TABLE tags (
	resource_id VARCHAR(12) NOT NULL, 
	key VARCHAR(128) NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	CONSTRAINT tags_pkey PRIMARY KEY (resource_id, key)
);
INSERT INTO "tags" ("resource_id", "key", "value") VALUES ('model0000001', 'team', 'rocks');
CREATE TABLE users (
	account VARCHAR(12) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	policy TEXT, 
	access_keys TEXT NOT NULL, 
	api_keys TEXT NOT NULL, 
	CONSTRAINT users_pkey PRIMARY KEY (account, name)
);
INSERT INTO "users" ("account", "name", "created_at", "policy", "access_keys", "api_keys") VALUES ('000000000000', 'ci', 1767225600000000, NULL, '[]', '[]');
CREATE TABLE users_version (
	id SERIAL NOT NULL, 
	version BIGINT NOT NULL, 
	CONSTRAINT users_version_pkey PRIMARY KEY (id)
);
INSERT INTO "users_version" ("id", "version") VALUES (1, 1);
CREATE TABLE webhook_deliveries (
	job_id VARCHAR(12) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	settled_at BIGINT, 
	problem TEXT, 
	CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (job_id)
);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (state, due_at, job_id);
