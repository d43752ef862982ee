-- Tables their own service may read and add to, but neither change nor empty nor drop (docs/adr/0005).
-- A migration asks once per service; from then on only the server's administrator can alter what was given away.
CREATE SCHEMA IF NOT EXISTS keeper;
REVOKE ALL ON SCHEMA keeper FROM PUBLIC;

CREATE OR REPLACE FUNCTION keeper.keep(service text, growing text[], fixed text[], functions text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    role text := 'procurement_' || service;
    keeper text := 'procurement_' || service || '_keeper';
    name text;
BEGIN
    -- Whoever logged in: SET ROLE does not change it.
    IF session_user <> role AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        RAISE EXCEPTION '% may only give away tables of its own schema', session_user;
    END IF;
    -- Once: a function given away later would run with the keeper's rights.
    IF (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = service) IS DISTINCT FROM role THEN
        RAISE EXCEPTION 'the tables of % were given away before; an administrator has to alter them', service;
    END IF;
    FOREACH name IN ARRAY growing || fixed LOOP
        EXECUTE format('ALTER TABLE %I.%I OWNER TO %I', service, name, keeper);
        EXECUTE format('REVOKE ALL ON %I.%I FROM PUBLIC, %I', service, name, role);
        EXECUTE format('GRANT SELECT ON %I.%I TO %I', service, name, role);
    END LOOP;
    FOREACH name IN ARRAY growing LOOP
        EXECUTE format('GRANT INSERT ON %I.%I TO %I', service, name, role);
    END LOOP;
    FOREACH name IN ARRAY functions LOOP
        EXECUTE format('ALTER FUNCTION %I.%I OWNER TO %I', service, name, keeper);
    END LOOP;
    -- The owner of a schema may drop whatever is in it.
    EXECUTE format('ALTER SCHEMA %I OWNER TO %I', service, keeper);
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', service, role);
END
$$;
REVOKE ALL ON FUNCTION keeper.keep(text, text[], text[], text[]) FROM PUBLIC;
