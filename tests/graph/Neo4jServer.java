import java.nio.file.Path;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.configuration.ssl.ClientAuth;
import org.neo4j.configuration.ssl.SslPolicyConfig;
import org.neo4j.configuration.ssl.SslPolicyScope;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/**
 * Serves a Neo4j on a folder that outlives it, over Bolt, until standard input ends: with a third
 * argument, the file of a certificate whose key lies beside it, over encrypted connections alone.
 */
public class Neo4jServer {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[1]);
        var builder = new DatabaseManagementServiceBuilder(Path.of(arguments[0]))
                .setConfig(GraphDatabaseSettings.auth_enabled, true)
                .setConfig(GraphDatabaseSettings.pagecache_memory, 256L << 20)
                .setConfig(BoltConnector.enabled, true)
                .setConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", port))
                .setConfig(BoltConnector.advertised_address, new SocketAddress("localhost", port));
        if (arguments.length > 2) {
            Path certificate = Path.of(arguments[2]);
            String key = certificate.getFileName().toString().replace(".pem", ".key");
            var policy = SslPolicyConfig.forScope(SslPolicyScope.BOLT);
            builder.setConfig(BoltConnector.encryption_level, BoltConnector.EncryptionLevel.REQUIRED)
                    .setConfig(policy.enabled, true)
                    .setConfig(policy.base_directory, certificate.getParent())
                    .setConfig(policy.public_certificate, certificate)
                    .setConfig(policy.private_key, certificate.resolveSibling(key))
                    .setConfig(policy.client_auth, ClientAuth.NONE);
        }
        var service = builder.build();
        System.out.println("ready");
        while (System.in.read() >= 0) {}
        service.shutdown();
    }
}
