CREATE TABLE `token_keys` (
	`key_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`alg` text NOT NULL,
	`kid` text,
	`issuer` text,
	`audience` text,
	`material` text NOT NULL,
	PRIMARY KEY(`key_hash`, `created_at`)
);
