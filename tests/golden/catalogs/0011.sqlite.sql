BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(12) NOT NULL, 
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(20) NOT NULL, 
	key_arn TEXT NOT NULL, 
	content_sha256 VARCHAR(64) NOT NULL, 
	manifest_sha256 VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE catalog_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT catalog_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "catalog_version" VALUES('0011');
CREATE TABLE copied_parts (
	artifact_id VARCHAR(12) NOT NULL, 
	path VARCHAR(1100) NOT NULL, 
	number INTEGER NOT NULL, 
	receipt TEXT NOT NULL, 
	crc64nvme VARCHAR(16) NOT NULL, 
	pieces TEXT NOT NULL, 
	PRIMARY KEY (artifact_id, path, number)
);
INSERT INTO "copied_parts" VALUES('job000000002','files/a',3,'etag','0000000000000007','[]');
CREATE TABLE copies (
	artifact_id VARCHAR(12) NOT NULL, 
	path VARCHAR(1100) NOT NULL, 
	upload_id TEXT NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	part_bytes BIGINT NOT NULL, 
	header BLOB NOT NULL, 
	PRIMARY KEY (artifact_id, path)
);
INSERT INTO "copies" VALUES('job000000002','files/a','u1',1099511627776,16777216,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F2021222324252627');
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
	wrapped_key BLOB, shared_artifact_id VARCHAR(12), is_released BOOLEAN DEFAULT 0 NOT NULL, marks TEXT DEFAULT '[]' NOT NULL, worker TEXT, attempts INTEGER DEFAULT '0' NOT NULL, fence BIGINT DEFAULT '0' NOT NULL, turn INTEGER DEFAULT '1' NOT NULL, principal_arn TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_import_jobs_name UNIQUE (account, region, name), 
	CONSTRAINT uq_import_jobs_token UNIQUE (account, region, client_request_token)
);
INSERT INTO "import_jobs" VALUES('job000000001','000000000000','us-east-1','done','model-1','model0000001','arn:aws:iam::000000000000:role/import','s3://models/m/',NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',NULL,'arn:aws:kms:us-east-1:000000000000:key/service','{"subnet_ids":["subnet-1"],"security_group_ids":["sg-1"]}','[["team","rocks"]]','Completed',1767225600000000,1767225600000001,1767225600000001,'[["Queued","2026-01-01T00:00:00+00:00"],["Completed","2026-01-01T00:01:00+00:00"]]',100,100,NULL,'{"schema":"x"}',NULL,NULL,0,'[]',NULL,0,0,1,'');
INSERT INTO "import_jobs" VALUES('job000000002','000000000000','us-east-1','running','model-2','model0000002','arn:aws:iam::000000000000:role/import','s3://models/m/',NULL,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',NULL,'arn:aws:kms:us-east-1:000000000000:key/service','{"subnet_ids":["subnet-1"],"security_group_ids":["sg-1"]}','[["team","rocks"]]','Copy',1767225600000000,1767225600000001,NULL,'[["Queued","2026-01-01T00:00:00+00:00"],["Copy","2026-01-01T00:00:30+00:00"]]',50,100,NULL,'{"schema":"x"}',X'0077726170706564',NULL,0,'[]',NULL,0,0,1,'');
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
	wrapped_key BLOB NOT NULL, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_imported_models_name UNIQUE (account, region, name)
);
INSERT INTO "imported_models" VALUES('model0000001','000000000000','us-east-1','model-1','job000000001','done','s3://models/m/',1767225600000000,'llama',1,140000000000,280000000000,131072,8,'job000000001','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','arn:aws:kms:us-east-1:000000000000:key/service',0,X'016F6620746865206D6F64656C','{"output_tokens":3}');
CREATE TABLE network_pins (
	job_id VARCHAR(12) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	addresses TEXT NOT NULL, 
	PRIMARY KEY (job_id, name)
);
CREATE TABLE tags (
	resource_id VARCHAR(12) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	PRIMARY KEY (resource_id, "key")
);
INSERT INTO "tags" VALUES('model0000001','team','rocks');
CREATE TABLE users (
	account VARCHAR(12) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	policy TEXT, 
	access_keys TEXT NOT NULL, 
	api_keys TEXT NOT NULL, 
	PRIMARY KEY (account, name)
);
INSERT INTO "users" VALUES('000000000000','ci',1767225600000000,NULL,'[]','[]');
CREATE TABLE users_version (
	id INTEGER NOT NULL, 
	version BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "users_version" VALUES(1,1);
CREATE TABLE webhook_deliveries (
	job_id VARCHAR(12) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	settled_at BIGINT, 
	problem TEXT, 
	PRIMARY KEY (job_id)
);
CREATE INDEX ix_import_jobs_created ON import_jobs (account, region, created_at, id);
CREATE UNIQUE INDEX uq_import_jobs_model_name ON import_jobs (account, region, model_name) WHERE ended_at IS NULL;
CREATE INDEX ix_imported_models_created ON imported_models (account, region, created_at, id);
CREATE INDEX ix_imported_models_artifact ON imported_models (artifact_id);
CREATE INDEX ix_import_jobs_stage ON import_jobs (account, region, stage, created_at, id);
CREATE INDEX ix_artifacts_content ON artifacts (content_sha256);
CREATE INDEX ix_import_jobs_shared ON import_jobs (shared_artifact_id);
CREATE INDEX ix_import_jobs_model ON import_jobs (model_id);
CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (state, due_at, job_id);
CREATE INDEX ix_import_jobs_turn ON import_jobs (turn);
CREATE INDEX ix_import_jobs_account_turn ON import_jobs (account, turn);
COMMIT;
